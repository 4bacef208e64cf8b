"""
Whether the generator's figures can be believed.
"""

from harness.lab.report.section import Points, ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, percent, seconds


def generator(subject: Subject) -> ReportSection | None:
    notes = subject.run.header.notes.get("generator")
    if not isinstance(notes, dict):
        return None
    findings = [f"{finding}." for finding in notes.get("findings", ())]
    rows = [
        (
            str(worker["worker"]),
            count(worker["offered"]),
            count(worker["started"]),
            count(worker["queued"]),
            seconds(worker["lag_p99_s"]),
            seconds(worker["overshoot_p99_s"]),
            percent(worker["cpu_mean"]),
            percent(worker["cpu_max"]),
        )
        for worker in notes.get("workers", ())
    ]
    columns = (
        "worker",
        "offered",
        "started",
        "queued",
        "schedule lag p99",
        "event loop overshoot p99",
        "CPU, mean",
        "CPU, most",
    )
    kept = f"{count(notes.get('started', 0))} of {count(notes.get('offered', 0))} arrivals were started"
    lead = f"{kept}; the generator {'fell short' if findings else 'kept up'}."
    table = TableBlock("What each worker measured of itself", columns, rows, frozenset(range(len(columns))))
    return ReportSection(
        "generator",
        "Generator health",
        lead,
        [*([Points(findings)] if findings else []), *([table] if rows else [])],
    )
