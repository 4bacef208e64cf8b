"""The section that shows two batches event by event: the slowest one and the median one."""

from harness.lab.report.batch_life import median_batch, slowest_batch
from harness.lab.report.charts.life_chart import life_chart
from harness.lab.report.section import Block, Prose, ReportSection, Subject


def two_batches(subject: Subject) -> ReportSection | None:
    run = subject.run
    slowest, median = slowest_batch(run), median_batch(run)
    if slowest is None or median is None:
        return None
    chart = life_chart(run, slowest, "life_slowest")
    blocks: list[Block] = [Prose("The slowest batch:"), chart]
    if median != slowest:
        blocks += [Prose("The median batch:"), life_chart(run, median, "life_median")]
    trace_ids = chart.data["trace_id"].dropna().unique()
    trace_id = f" The trace id of the slowest batch is {trace_ids[0]}." if len(trace_ids) else ""
    lead = (
        "From the first request until the client saw the batch end. Failed attempts have another colour. "
        f"The files figures/life_*.trace.json open in Perfetto.{trace_id}"
    )
    return ReportSection("two-batches", "Two batches in detail", lead, blocks)
