"""
What the judge says of a run, as values; `outputs` writes them for people and machines.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from harness.lab.alarms.alarm import Place
from harness.lab.alarms.events import FailureStreak, Unfinished


class Outcome(StrEnum):
    """How a run, an alarm or an objective came out."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    BREACH = "breach"
    INCONCLUSIVE = "inconclusive"
    SECURITY = "security"


@dataclass(frozen=True, slots=True)
class Transition:
    """An alarm changing state; ``at_s`` in model seconds since the run began."""

    at_s: float
    at: str
    state: str
    reason: str
    reason_data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlarmVerdict:
    """
    One alarm over the run.

    Attributes:
        fired_at_s: When it first went into ALARM [model s], None if never.
        excused: An objective of the scenario speaks for this alarm, so firing is not a breach by itself.
        sensitive: What would have changed the outcome, in words: an evaluation range, a percentile
            rule, a threshold 5 % away.
    """

    name: str
    outcome: Outcome
    state: str
    why: str
    fired_at_s: float | None
    transitions: tuple[Transition, ...]
    excused: bool = False
    sensitive: tuple[str, ...] = ()
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class ObjectiveVerdict:
    """
    One objective over the run.

    Attributes:
        value: As measured: seconds, 0…1, per second, a count or an alarm's state; None without data.
        shown: The value for people.
        interval: 95 % confidence interval of the value by order statistics, where there is one.
        samples: How many rows it rests on.
    """

    text: str
    outcome: Outcome
    why: str
    value: float | str | None
    shown: str
    limit: float | str
    samples: int
    interval: tuple[float | None, float | None] | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    The judgement of one run.

    Attributes:
        reasons: Why it is not a pass, worst first; empty for a pass.
        doubts: Why the figures cannot be trusted (generator saturated, worker lost); they outrank breaches.
    """

    run: str
    outcome: Outcome
    reasons: tuple[str, ...]
    alarms: tuple[AlarmVerdict, ...]
    objectives: tuple[ObjectiveVerdict, ...]
    streaks: tuple[FailureStreak, ...]
    unfinished: Unfinished
    doubts: tuple[str, ...] = ()
    breaches_of_security: int = 0

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        opening = {
            Outcome.PASS: "Fine: every alarm stayed quiet and every objective was met.",
            Outcome.BREACH: "Breached.",
            Outcome.INCONCLUSIVE: "Inconclusive.",
            Outcome.SECURITY: "Insecure.",
        }[self.outcome]
        return " ".join([opening, *self.reasons])


def overall(
    alarms: Sequence[AlarmVerdict],
    objectives: Sequence[ObjectiveVerdict],
    doubts: Sequence[str],
    insecure: int,
) -> tuple[Outcome, tuple[str, ...]]:
    """
    Return the outcome of a run and the reasons for it.

    A forbidden success outranks all. Figures that cannot be trusted are no verdict either way. Then a
    breach counts more than what could not be judged.
    """
    if insecure:
        return Outcome.SECURITY, (f"{insecure} forbidden attempt{'s' if insecure > 1 else ''} succeeded.",)
    if doubts:
        return Outcome.INCONCLUSIVE, tuple(doubts)
    judged: list[AlarmVerdict | ObjectiveVerdict] = [*alarms, *objectives]
    for outcome in (Outcome.BREACH, Outcome.INCONCLUSIVE):
        reasons = tuple(one.why for one in judged if one.outcome is outcome)
        if reasons:
            return outcome, reasons
    return Outcome.PASS, ()
