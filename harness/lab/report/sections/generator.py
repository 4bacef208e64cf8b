"""The section on the load generator's health: whether it kept to the schedule."""

from harness.lab.report.section import Block, Points, ReportSection, Subject, TableBlock
from harness.lab.report.wording import count, percent, seconds


def generator(subject: Subject) -> ReportSection | None:
    notes = subject.run.header.notes.get("generator")
    if not isinstance(notes, dict):
        return None
    findings = [f"{finding}." for finding in notes.get("findings", ())]
    records = [
        {
            "worker": str(worker["worker"]),
            "offered": count(worker["offered"]),
            "started": count(worker["started"]),
            "queued": count(worker["queued"]),
            "schedule lag p99": seconds(worker["lag_p99_s"]),
            "event loop overshoot p99": seconds(worker["overshoot_p99_s"]),
            "CPU, mean": percent(worker["cpu_mean"]),
            "CPU, most": percent(worker["cpu_max"]),
        }
        for worker in notes.get("workers", ())
    ]
    started = f"{count(notes.get('started', 0))} of {count(notes.get('offered', 0))} arrivals were started"
    lead = f"{started}; the generator {'fell short' if findings else 'kept up'}."
    blocks: list[Block] = [
        *([Points(findings)] if findings else []),
        *([TableBlock.of_records("Measurements of each worker", records, 0)] if records else []),
    ]
    return ReportSection("generator", "Generator health", lead, blocks)
