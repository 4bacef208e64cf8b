"""
How long things took: the pipeline over time, arrivals to READY, HTTP requests.
"""

from harness.lab.report import charts
from harness.lab.report.section import ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, seconds
from harness.lab.results.summary import E2E, Timing

COLUMNS = ("count", "failed", "unfinished", "p50", "p95", "p99", "longest")


def processing(subject: Subject) -> ReportSection | None:
    chart = charts.processing_over_time(subject.run, subject.other, subject.verdict)
    if chart.is_empty:
        return None
    lead = "From RECEIVED to READY or FAILED, by when it ended: what the alarm on processing times reads."
    return ReportSection("processing", "Processing time", lead, (chart,))


def end_to_end(subject: Subject) -> ReportSection | None:
    chart = charts.end_to_end_curve(subject.run, subject.other)
    if chart.is_empty:
        return None
    lead = (
        "What a photographer feels: from the moment the arrival was due, uploads included, until the batch "
        "is READY. An unfinished batch counts with the time it had waited when the run ended."
    )
    return ReportSection("end-to-end", "From arrival to READY", lead, (chart,))


def requests(subject: Subject) -> ReportSection | None:
    timings = [one for one in subject.summary.timings if one.type != E2E]
    if not timings:
        return None
    chart = charts.latency_over_time(subject.run, subject.other)
    columns = ("request", *COLUMNS, "p99 from actual start")
    rows = [(f"{one.type} {one.name}", *figures(one), seconds(one.latency_p99_s)) for one in timings]
    table = TableBlock("HTTP requests after the warm-up", columns, rows, frozenset(range(1, len(columns))))
    lead = (
        "Counted from when each request was due, so that a stalling service cannot hide behind its callers."
    )
    return ReportSection("requests", "HTTP requests", lead, (chart, table))


def percentile_curve(subject: Subject) -> ReportSection | None:
    chart = charts.response_curve(subject.run, subject.other)
    if chart.is_empty:
        return None
    lead = (
        "The gap between the two lines is time that callers spent waiting for their turn to ask: "
        "tools that start their watch when a request is sent do not see it."
    )
    return ReportSection("percentiles", "Percentile curve", lead, (chart,))


def figures(timing: Timing) -> tuple[str, ...]:
    """Return the figures of one kind of request, as `COLUMNS` names them."""
    return (
        count(timing.count),
        count(timing.failed),
        count(timing.censored),
        seconds(timing.p50_s),
        seconds(timing.p95_s),
        seconds(timing.p99_s),
        seconds(timing.max_s),
    )
