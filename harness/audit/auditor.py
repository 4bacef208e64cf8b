"""The audit of a ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.audit.ledger import Ledger, Violation
from harness.audit.rules import RULES


@dataclass(frozen=True, slots=True)
class Audit:
    """
    The outcome of an audit.

    Attributes:
        batches: How many batches were audited; *accepted* and *unfinished* are how many of them the service
            has accepted, and how many may still end.
        applied: The ids of the rules that were applied.
        not_applied: The ids of the rules for which the ledger lacks something.
        stories: What happened to each batch that a violation names.
    """

    batches: int
    accepted: int
    unfinished: int
    applied: tuple[str, ...]
    not_applied: tuple[str, ...]
    violations: tuple[Violation, ...]
    stories: Mapping[str, tuple[str, ...]]

    @property
    def passed(self) -> bool:
        return not self.violations


def audit(ledger: Ledger) -> Audit:
    """Apply every rule that the ledger has the facts for."""
    applied = [rule for rule in RULES if rule.applies_to(ledger)]
    violations = [*ledger.noted, *(found for rule in applied for found in rule.violations(ledger))]
    named = {
        batch_id: story
        for batch_id, story in ledger.stories.items()
        if any(batch_id in f"{found.subject} {found.text}" for found in violations)
    }
    return Audit(
        batches=len(ledger.batches) + ledger.regular,
        accepted=sum(batch.accepted for batch in ledger.batches) + ledger.regular,
        unfinished=len(ledger.open_batches),
        applied=tuple(rule.id for rule in applied),
        not_applied=tuple(rule.id for rule in RULES if rule not in applied),
        violations=tuple(violations),
        stories=named,
    )
