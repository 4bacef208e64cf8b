"""
What the judge says of a run, as values; `outputs` writes them for people and machines.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.lab.alarms.alarm import Place
from harness.lab.gate.run_findings import FailureStreak, Unfinished

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group


class Outcome(StrEnum):
    """How a run, an alarm or an objective came out."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    BREACH = "breach"
    INCONCLUSIVE = "inconclusive"
    SECURITY = "security"
    SKIPPED = "skipped"
    """Of an alarm only: it was not judged, and the verdict does not hang on it."""


EXIT_CODES = {Outcome.PASS: 0, Outcome.BREACH: 3, Outcome.INCONCLUSIVE: 4, Outcome.SECURITY: 6}
"""What a build sees of a run's outcome."""

NOT_OBSERVED = "not observed"
NOT_JUDGED = "not judged"
"""What stands for the state of an alarm whose metric nobody could see, or that the judge cannot evaluate."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An alarm changing state; ``at_s`` in model seconds since the run began."""

    at_s: float
    at: str
    state: str
    reason: str
    reason_data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a plain alarm holds a statistic of one metric against; *metric* as in the ``metrics`` table."""

    metric: str
    statistic: str
    value: float


@dataclass(frozen=True, slots=True)
class AlarmVerdict:
    """
    One alarm over the run.

    Attributes:
        state: At the end; `NOT_OBSERVED` or `NOT_JUDGED` where it was skipped.
        fired_at_s: When it first went into ALARM [model s], None if never.
        excused: An objective of the scenario speaks for this alarm, so firing is not a breach by itself.
        sensitive: What would have changed the outcome, in words: an evaluation range, a percentile
            rule, a threshold 5 % away.
        threshold: None of composite alarms and metric math.
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
    threshold: Threshold | None = None


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


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """
    The judgement of one run.

    >>> import harness
    >>> verdict = harness.check("fixtures/runs/slow_but_within")
    >>> verdict
    <Verdict of slow_but_within: Fine: every alarm stayed quiet and every objective was met.>
    >>> verdict.passed, verdict.exit_code
    (True, 0)

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
            Outcome.BREACH: "Breached.",
            Outcome.INCONCLUSIVE: "Inconclusive.",
            Outcome.SECURITY: "Insecure.",
        }.get(self.outcome) or f"Fine: {' and '.join(self._fine())}."
        return " ".join([opening, *self.reasons])

    def _fine(self) -> Iterator[str]:
        judged = [one for one in self.alarms if one.outcome is not Outcome.SKIPPED]
        if judged:
            expected = any(one.fired_at_s is not None for one in judged)
            yield (
                f"every alarm{'' if len(judged) == len(self.alarms) else ' judged'} stayed quiet"
                f"{' but those an objective speaks for' if expected else ''}"
            )
        yield "every objective was met"

    @property
    def passed(self) -> bool:
        """Everything was judged, and is fine."""
        return self.outcome is Outcome.PASS

    @property
    def exit_code(self) -> int:
        """What ``harness check`` leaves with."""
        return EXIT_CODES[self.outcome]

    def table(self) -> "pd.DataFrame":
        """
        Return what was judged, one alarm or objective a row.

        Returns:
            ``kind`` (alarm or objective), ``name``, ``outcome``, ``shown`` (the alarm's last state, or what
            was measured), ``fired_at_s`` [model s], ``samples`` [count], ``why``.
        """
        from harness.lab.gate.verdict_table import frame

        return frame(self)

    def __repr__(self) -> str:
        return f"<Verdict of {self.run}: {self.sentence}>"

    def __rich__(self) -> "Group":
        from harness.lab.gate.verdict_table import told

        return told(self)

    def _repr_html_(self) -> str:
        from harness.lab.gate.verdict_table import as_html

        return as_html(self)


def overall(
    alarms: Sequence[AlarmVerdict],
    objectives: Sequence[ObjectiveVerdict],
    doubts: Sequence[str],
    insecure: int,
) -> tuple[Outcome, tuple[str, ...]]:
    """
    Return the outcome of a run and the reasons for it.

    A forbidden success outranks all. Figures that cannot be trusted are no verdict either way. Then a
    breach counts more than what could not be judged. Skipped alarms do not count; but a run of which
    nothing at all was judged is no pass.
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
    if alarms and all(one.outcome is Outcome.SKIPPED for one in judged):
        return Outcome.INCONCLUSIVE, (
            "Nothing was judged: every alarm was skipped, and there is no objective.",
        )
    return Outcome.PASS, ()
