"""The section on the audit: whether something was lost or doubled."""

from harness.audit.rules import RULES
from harness.lab.report.section import Block, Points, ReportSection, Subject, TableBlock
from harness.lab.report.wording import ABSENT, plural
from harness.lab.results.audit_file import read_audits

STORIES_MAX = 5
"""How many stories of batches the section tells."""


def audit(subject: Subject) -> ReportSection | None:
    audits = read_audits(subject.run.folder)
    if not audits:
        return None
    rows = []
    for rule in RULES:
        cells = []
        for one in audits.values():
            broken = sum(violation.rule == rule.id for violation in one.violations)
            cells.append(ABSENT if rule.id in one.not_applied else plural(broken, "violation"))
        rows.append((rule.says, *cells))
    violations = [str(violation) for one in audits.values() for violation in one.violations]
    stories = {batch: story for one in audits.values() for batch, story in one.stories.items()}
    blocks: list[Block] = [
        *([Points([f"{one}." for one in dict.fromkeys(violations)])] if violations else [])
    ]
    blocks += [Points([f"Batch {batch}:", *story]) for batch, story in list(stories.items())[:STORIES_MAX]]
    blocks.append(TableBlock("What must hold, by what was audited", ("rule", *audits), rows))
    accepted = max(one.accepted for one in audits.values())
    found = plural(len(violations), "violation") if violations else "Nothing was lost or doubled"
    lead = f"{found} in {plural(accepted, 'accepted batch', 'accepted batches')}."
    return ReportSection("audit", "Audit", lead, blocks)
