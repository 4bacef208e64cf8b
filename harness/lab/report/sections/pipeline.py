"""The sections on the pipeline: where the time goes, classes of batches, states as stations."""

from harness.lab.report import state_stations
from harness.lab.report.charts import pipeline_charts
from harness.lab.report.section import ReportSection, Subject, TableBlock, chart_section
from harness.lab.report.wording import count, number, seconds

time_spent = chart_section(
    "time-spent",
    "Where the time goes",
    "Thick bars are medians, thin bars reach to p95. Each begins at its median beginning. "
    "Failed attempts and the waits between attempts are included.",
    pipeline_charts.time_spent,
)

size_classes = chart_section(
    "size-classes",
    "By class of batch",
    "The share of batches of each class that were done within a time.",
    pipeline_charts.size_classes,
)


def stations(subject: Subject) -> ReportSection | None:
    frame = state_stations.stations(subject.run)
    if frame.empty:
        return None
    records = [
        {
            "state": row["state"],
            "attempts": count(row["attempts"]),
            "per second": number(row["arrival_rate_per_s"]),
            "wait p95": seconds(row["wait_p95_s"]),
            "service p50": seconds(row["service_p50_s"]),
            "service p95": seconds(row["service_p95_s"]),
            "busy, mean": number(row["mean_busy"]),
            "busy, most": count(row["most_busy"]),
            "waiting, most": count(row["most_waiting"]),
        }
        for _, row in frame.iterrows()
    ]
    lead = (
        "Attempts in service at the same time. Their mean is the capacity that the state used; "
        "divided by the number of slots it is the utilisation. A live attempt ends in the history of its "
        "execution a moment after its slot is free, so the most in service can exceed the slots by a few."
    )
    chart = pipeline_charts.stations(subject.run, subject.other)
    table = TableBlock.of_records("States of the pipeline as stations", records)
    return ReportSection("stations", "How busy each state was", lead, (chart, table))
