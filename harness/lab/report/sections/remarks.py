"""The section on remarks: facts about the run that do not put its figures in doubt."""

from harness.lab.report.section import Points, ReportSection, Subject
from harness.lab.results.notes import REMARKS


def remarks(subject: Subject) -> ReportSection | None:
    texts = [
        *(subject.verdict.warnings if subject.verdict else ()),
        *subject.run.header.notes.get(REMARKS, ()),
    ]
    if not texts:
        return None
    points = Points([f"{str(text).rstrip('.')}." for text in texts])
    return ReportSection(
        "remarks", "Remarks", "Noted during the run; the figures are not in doubt.", [points]
    )
