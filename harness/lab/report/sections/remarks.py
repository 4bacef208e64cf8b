"""
What one should know of a run that puts none of its figures in doubt.
"""

from harness.lab.report.section import Points, ReportSection, Subject
from harness.lab.results.notes import REMARKS


def remarks(subject: Subject) -> ReportSection | None:
    told = subject.run.header.notes.get(REMARKS, ())
    if not told:
        return None
    lead = "Who played it noticed this; no figure is in doubt for it."
    return ReportSection(
        "remarks", "Remarks", lead, [Points([f"{str(remark).rstrip('.')}." for remark in told])]
    )
