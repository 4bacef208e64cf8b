"""The section on the host of a live run: its processors, and whether they set the figures."""

from harness.lab.report.charts.host_chart import host_processors
from harness.lab.report.host_data import processes
from harness.lab.report.section import Block, Points, ReportSection, Subject, TableBlock
from harness.lab.report.wording import number, percent
from harness.lab.results.host.host_influence import HostInfluence, host_influence

LEAST = 0.001
"""Processes that used less than this on average are left out [processors]."""


def host(subject: Subject) -> ReportSection | None:
    influence = host_influence(subject.run)
    if influence is None:
        return None
    findings = list(influence.findings())
    records = [
        {"process": name, "processors, mean": number(mean), "most in a second": number(most)}
        for name, mean, most in processes(subject.run)
        if mean >= LEAST
    ]
    blocks: list[Block] = [
        *([Points(findings)] if findings else []),
        host_processors(subject.run, subject.other),
        *([TableBlock.of_records("Processors that each process used", records)] if records else []),
    ]
    return ReportSection("host", "Processors of the host", _lead(influence), blocks)


def _lead(influence: HostInfluence) -> str:
    return (
        f"Waits for processors were up to {percent(min(influence.share, 1.0))} of the {influence.measured}. "
        f"Short work took {number(influence.stretch)} times as long as on a free processor (median), and "
        f"{percent(influence.foreign)} of the busy time was other work than that of the stack and of the "
        "generator."
    )
