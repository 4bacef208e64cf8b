"""
Two batches told whole: the slowest and the one in the middle.
"""

from harness.lab.report.batch_life import life_chart, median, slowest
from harness.lab.report.section import Block, Prose, ReportSection, Subject


def lives(subject: Subject) -> ReportSection | None:
    run = subject.run
    longest, middle = slowest(run), median(run)
    if longest is None or middle is None:
        return None
    slow = life_chart(run, longest, "life_slowest")
    blocks: list[Block] = [Prose("The slowest batch:"), slow]
    if middle != longest:
        blocks += [Prose("The batch in the middle:"), life_chart(run, middle, "life_median")]
    trace_ids = slow.data["trace_id"].dropna().unique()
    traced = f" Its trace is {trace_ids[0]}." if len(trace_ids) else ""
    lead = (
        "From the first request until somebody saw the batch end; failed attempts stand out. "
        f"figures/life_*.trace.json open in Perfetto.{traced}"
    )
    return ReportSection("lives", "Two batches, told whole", lead, blocks)
