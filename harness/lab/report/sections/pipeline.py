"""The sections on the pipeline: where the time goes, classes of batches, stations."""

from typing import TYPE_CHECKING, Any

from harness.lab.report.charts import pipeline_charts
from harness.lab.report.section import Block, ReportSection, Subject, TableBlock, chart_section
from harness.lab.report.wording import ABSENT, count, number, percent, seconds
from harness.lab.results.stations.station_table import stations_of

if TYPE_CHECKING:
    import pandas as pd

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
    frame = stations_of(subject.run)
    if frame.empty or subject.run.steps.empty:
        return None
    is_state = frame["kind"] == "state"
    parts = [_record(row) for _, row in frame[~is_state].iterrows()]
    states = [_record(row, "state") for _, row in frame[is_state].iterrows()]
    lead = (
        "Utilisation is the mean part of the servers that was busy; of a bucket, the part of its rate that "
        "was used. Queue lengths are over time, waits over visits. – stands for none, or not recorded."
    )
    chart = pipeline_charts.stations(subject.run, subject.other)
    blocks: list[Block] = [chart]
    if parts:
        columns = [name for name in parts[0] if any(part[name] != ABSENT for part in parts)]
        kept = [{name: part[name] for name in columns} for part in parts]
        blocks.append(TableBlock.of_records("Stations of the system", kept))
    blocks.append(TableBlock.of_records("States as stations", [_of_state(state) for state in states]))
    return ReportSection("stations", "How busy each part was", lead, blocks)


def _record(row: "pd.Series[Any]", title: str = "station") -> dict[str, str]:
    return {
        title: str(row["station"]),
        "servers": count(row["servers"]),
        "visits": count(row["arrivals"]),
        "lost": count(row["losses"]),
        "utilisation": percent(row["utilisation"]),
        "busy, mean": number(row["busy_mean"]),
        "busy, most": count(row["busy_max"]),
        "queue, mean": number(row["queue_mean"]),
        "queue, p95": count(row["queue_p95"]),
        "wait, mean": seconds(row["wait_mean_s"]),
        "wait p95": seconds(row["wait_p95_s"]),
        "service p50": seconds(row["service_p50_s"]),
        "service p95": seconds(row["service_p95_s"]),
        "cold starts": count(row["cold_starts"]),
        "environments": count(row["environments"]),
    }


def _of_state(record: dict[str, str]) -> dict[str, str]:
    """Return the columns that a state has."""
    unknown = ("servers", "lost", "utilisation", "cold starts", "environments")
    return {name: text for name, text in record.items() if name not in unknown}
