"""What the audits of a run say to its verdict: whether something was lost or doubled."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.audit.auditor import Audit

SHOWN = 3
"""How many violations the sentence of a verdict names."""


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """
    The outcome of the audits.

    Attributes:
        sources: What was audited: the ``tables`` of the run, the ``stack`` it was played at.
        accepted: How many batches the service accepted.
        unfinished: How many batches may still end: whether they are lost is not known.
        violations: Rule, subject and sentence of each.
        not_applied: The rules that no source has the facts for.
    """

    sources: tuple[str, ...]
    accepted: int
    unfinished: int
    violations: tuple[str, ...]
    not_applied: tuple[str, ...]

    @classmethod
    def of(cls, audits: Mapping[str, Audit]) -> "AuditVerdict | None":
        """Return what *audits* say together; None without one."""
        if not audits:
            return None
        found = audits.values()
        applied = {rule for audit in found for rule in audit.applied}
        missing = dict.fromkeys(rule for audit in found for rule in audit.not_applied if rule not in applied)
        violations = [str(violation) for audit in found for violation in audit.violations]
        return cls(
            sources=tuple(audits),
            accepted=max(audit.accepted for audit in found),
            unfinished=max(audit.unfinished for audit in found),
            violations=tuple(dict.fromkeys(violations)),
            not_applied=tuple(missing),
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """The violations as sentences, the first few."""
        shown = [f"{violation}." for violation in self.violations[:SHOWN]]
        more = len(self.violations) - SHOWN
        return (*shown, *([f"And {more} more violations."] if more > 0 else []))

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        sources = " and ".join(self.sources)
        if self.violations:
            count = len(self.violations)
            return f"the audit of {sources} found {count} violation{'s' if count > 1 else ''}"
        open_ones = f"; {self.unfinished} had not ended" if self.unfinished else ""
        return f"the audit of {sources} found nothing lost or doubled in {self.accepted} batches{open_ones}"
