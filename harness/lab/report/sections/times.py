"""The sections on times: processing, arrival to READY, HTTP requests."""

from harness.lab.report.charts import time_charts
from harness.lab.report.section import ReportSection, Subject, TableBlock, chart_section
from harness.lab.report.wording import count, seconds
from harness.lab.results.rows import E2E
from harness.lab.results.summary import Timing


def processing(subject: Subject) -> ReportSection | None:
    chart = time_charts.processing_over_time(subject.run, subject.other, subject.verdict)
    if chart.is_empty:
        return None
    lead = "From RECEIVED to READY or FAILED, by the time of the end. The processing time alarm uses it."
    return ReportSection("processing", "Processing time", lead, (chart,))


end_to_end = chart_section(
    "end-to-end",
    "From arrival to READY",
    "The time a photographer waits: from the intended arrival, uploads included, until the batch is READY. "
    "The curve ends before the arrivals that did not become READY.",
    time_charts.end_to_end_curve,
)

percentile_curve = chart_section(
    "percentiles",
    "Percentile curve",
    "The gap between the two lines is the time that callers waited before they could send a request. "
    "Tools that measure from the actual start of a request miss it.",
    time_charts.response_curve,
)


def requests(subject: Subject) -> ReportSection | None:
    timings = [one for one in subject.run.summary.timings if one.type != E2E]
    if not timings:
        return None
    chart = time_charts.latency_over_time(subject.run, subject.other)
    records = [
        {
            "request": f"{one.type} {one.name}",
            **timing_cells(one),
            "p99 from actual start": seconds(one.latency_p99_s),
        }
        for one in timings
    ]
    table = TableBlock.of_records("HTTP requests after the warm-up", records)
    lead = (
        "Counted from the intended start of each request, so that waits caused by a stalling service are "
        "included."
    )
    return ReportSection("requests", "HTTP requests", lead, (chart, table))


def timing_cells(timing: Timing) -> dict[str, str]:
    """Return the figures of one kind of request as texts, by column."""
    return {
        "count": count(timing.count),
        "failed": count(timing.failed),
        "unfinished": count(timing.censored),
        "p50": seconds(timing.p50_s),
        "p95": seconds(timing.p95_s),
        "p99": seconds(timing.p99_s),
        "longest": seconds(timing.max_s),
    }
