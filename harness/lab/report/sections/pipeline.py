"""
Inside the pipeline: where the time goes, which batches are slow, how busy each state is.
"""

from harness.lab.report import charts
from harness.lab.report import state_stations as measured
from harness.lab.report.section import ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, number, seconds


def time_spent(subject: Subject) -> ReportSection | None:
    chart = charts.time_spent(subject.run, subject.other)
    if chart.is_empty:
        return None
    lead = (
        "Thick bars are medians, thin ones reach to p95; each begins where it does in the median batch. "
        "Attempts that failed and the waits between them are included."
    )
    return ReportSection("time-spent", "Where the time goes", lead, (chart,))


def size_classes(subject: Subject) -> ReportSection | None:
    chart = charts.size_classes(subject.run, subject.other)
    if chart.is_empty:
        return None
    return ReportSection(
        "size-classes",
        "By class of batch",
        "How many batches of each class were done within a time.",
        (chart,),
    )


def stations(subject: Subject) -> ReportSection | None:
    frame = measured.stations(subject.run)
    if frame.empty:
        return None
    columns = (
        "state",
        "attempts",
        "per second",
        "wait p95",
        "service p50",
        "service p95",
        "busy, mean",
        "busy, most",
        "waiting, most",
    )
    rows = [
        (
            row["state"],
            count(row["attempts"]),
            number(row["arrival_rate_per_s"]),
            seconds(row["wait_p95_s"]),
            seconds(row["service_p50_s"]),
            seconds(row["service_p95_s"]),
            number(row["mean_busy"]),
            count(row["most_busy"]),
            count(row["most_waiting"]),
        )
        for _, row in frame.iterrows()
    ]
    table = TableBlock("States of the pipeline as stations", columns, rows, frozenset(range(1, len(columns))))
    lead = (
        "Attempts in service at once. The mean is also the capacity the state used up: "
        "over a number of slots it is their utilisation."
    )
    return ReportSection(
        "stations", "How busy each state was", lead, (charts.stations(subject.run, subject.other), table)
    )
