"""
The verdict over one run: the outcome of every alarm and objective, and the outcome of the whole.

The fields of the classes are the keys of ``verdict.json``; `outputs` writes it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.lab.alarms.alarm import Place
from harness.lab.gate.audit_verdict import AuditVerdict
from harness.lab.gate.run_findings import FailureStreak, Unfinished

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

    from harness.lab.gate.verdict_table import TextTable


class Outcome(StrEnum):
    """The outcome of a run, an alarm or an objective."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    BREACH = "breach"
    INCONCLUSIVE = "inconclusive"
    SECURITY = "security"
    AUDIT = "audit"
    """Something was lost or doubled."""
    SKIPPED = "skipped"
    """Only of an alarm: it was not evaluated, and the outcome of the run does not depend on it."""


EXIT_CODES = {
    Outcome.PASS: 0,
    Outcome.BREACH: 3,
    Outcome.INCONCLUSIVE: 4,
    Outcome.SECURITY: 6,
    Outcome.AUDIT: 7,
}

NOT_OBSERVED = "not observed"
"""The state of an alarm on a metric that the recorder of the run could not observe."""

NOT_EVALUATED = "not judged"
"""The state of an alarm that cannot be evaluated."""


@dataclass(frozen=True, slots=True)
class Transition:
    """An alarm changed its state, *at_s* model seconds after the beginning of the run."""

    at_s: float
    at: str
    state: str
    reason: str
    reason_data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold of an alarm on one metric; *metric* is spelled as in the ``metrics`` table."""

    metric: str
    statistic: str
    value: float


@dataclass(frozen=True, slots=True)
class AlarmVerdict:
    """
    The result of one alarm.

    Attributes:
        state: The state at the end; `NOT_OBSERVED` or `NOT_EVALUATED` if the alarm was skipped.
        fired_at_s: Time of the first transition into ALARM [model s], or None.
        excused: An objective of the scenario refers to this alarm, so that firing alone is not a breach.
        sensitive: The alternative rules that would have changed the result, in words.
        threshold: None for composite alarms and metric math.
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

    @property
    def fired(self) -> str:
        """The time of the first transition into ALARM as text."""
        if self.outcome is Outcome.SKIPPED:
            return ""
        return "never" if self.fired_at_s is None else f"{self.fired_at_s / 60:.1f} min"

    @property
    def remark(self) -> str:
        """The sensitivity of the result, or its outcome."""
        remarks = list(self.sensitive)
        if self.excused and self.fired_at_s is not None:
            remarks.insert(0, "an objective refers to it")
        return "; ".join(remarks) or self.outcome


@dataclass(frozen=True, slots=True)
class ObjectiveVerdict:
    """
    The result of one objective.

    Attributes:
        value: The measured seconds, ratio, rate or count, or an alarm's state; None without data.
        samples: The number of rows that were measured.
        interval: 95 % confidence interval of a percentile by order statistics, or None.
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
class RegressionVerdict:
    """
    The result of the comparison of one figure with the baseline.

    Attributes:
        why: The ratio, its interval and the tolerated ratio in words; or why it cannot be compared.
        ratio: This run over the baseline; None if it cannot be compared.
        interval: Bounds of the ratio. All comparisons of a verdict together hold with 95 %. The upper bound
            is None where the samples do not bound it.
        samples: Of this run, and of all runs of the baseline.
        baseline: The ids of the runs.
    """

    text: str
    outcome: Outcome
    why: str
    ratio: float | None = None
    interval: tuple[float, float | None] | None = None
    tolerated: float = 1.0
    now_s: float | None = None
    before_s: float | None = None
    samples: tuple[int, int] = (0, 0)
    baseline: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The ratio with its interval."""
        if self.ratio is None or self.interval is None:
            return "not comparable"
        low, high = self.interval
        return f"{self.ratio:.2f} ({low:.2f}–{'…' if high is None else f'{high:.2f}'})"

    @property
    def finding(self) -> str:
        """The outcome in words."""
        words = {Outcome.PASS: "not worse", Outcome.BREACH: "worse than tolerated"}
        return words.get(self.outcome, "not comparable" if self.ratio is None else "undecided")


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """
    The verdict over one run.

    >>> import harness
    >>> verdict = harness.check("fixtures/runs/slow_but_within")
    >>> verdict
    <Verdict of slow_but_within: Fine: every alarm stayed quiet.>
    >>> verdict.passed, verdict.exit_code
    (True, 0)

    Attributes:
        reasons: Why the outcome is not a pass, worst first.
        doubts: Reasons why the figures cannot be trusted (generator saturated, worker lost). They take
            precedence over breaches.
        breaches_of_security: The number of forbidden attempts that succeeded.
        regressions: The comparisons with a baseline, if one was given.
        target: Where a live run was played; see `RunHeader.target_text`.
        aborted: When and why the run was ended early by an objective with ``abort = true``; else empty.
        conditions: Start, arrival rate and time scale; see `RunHeader.conditions_text`.
        warnings: What a reader of the figures should know, although they are not in doubt.
        audit: What the audits of the run say; None if it was not audited.
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
    regressions: tuple[RegressionVerdict, ...] = ()
    target: str = ""
    aborted: str = ""
    conditions: str = ""
    warnings: tuple[str, ...] = ()
    audit: AuditVerdict | None = None

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        opening = {
            Outcome.BREACH: "Breached.",
            Outcome.INCONCLUSIVE: "Inconclusive.",
            Outcome.SECURITY: "Insecure.",
            Outcome.AUDIT: "Lost or doubled.",
        }.get(self.outcome) or f"Fine: {' and '.join(self._passed())}."
        return " ".join([opening, *self.reasons])

    def _passed(self) -> Iterator[str]:
        evaluated = [one for one in self.alarms if one.outcome is not Outcome.SKIPPED]
        if evaluated:
            has_fired = any(one.fired_at_s is not None for one in evaluated)
            yield (
                f"every alarm{'' if len(evaluated) == len(self.alarms) else ' judged'} stayed quiet"
                f"{' (except those with an objective)' if has_fired else ''}"
            )
        if self.objectives:
            yield "every objective was met"
        if self.regressions:
            ratios = " ".join(one.why.rstrip(".") + ";" for one in self.regressions).rstrip(";")
            yield f"no figure is worse than tolerated: {ratios}"

    @property
    def passed(self) -> bool:
        """Whether every evaluated alarm and every objective passed."""
        return self.outcome is Outcome.PASS

    @property
    def exit_code(self) -> int:
        """The exit code of ``harness check``."""
        return EXIT_CODES[self.outcome]

    def remarks(self) -> Iterator[str]:
        """Yield warnings, and sentences on skipped alarms, streaks of failures and unfinished batches."""
        if self.aborted and not any(self.aborted in reason for reason in self.reasons):
            yield self.aborted[0].upper() + self.aborted[1:]
        if self.audit is not None:
            yield self.audit.sentence[0].upper() + self.audit.sentence[1:]
        yield from self.warnings
        skipped: dict[str, list[str]] = {}
        for one in self.alarms:
            if one.outcome is Outcome.SKIPPED:
                skipped.setdefault(one.why, []).append(one.name)
        yield from (f"{', '.join(names)}: {why}" for why, names in skipped.items())
        for streak in self.streaks:
            throttled = f", {streak.throttled} of them throttled" if streak.throttled else ""
            longest = f"{_counted(streak.longest_by_invocation, 'invocation', 's')}, "
            longest += f"{_counted(streak.longest_by_period, 'minute', 's')} in a row"
            yield (
                f"{streak.state} failed {streak.failures} of {streak.invocations} times{throttled}; "
                f"longest streak {longest}"
            )
        unfinished = self.unfinished
        if unfinished.batches:
            p95 = unfinished.p95_with_them_s
            yield (
                f"{_counted(unfinished.batches, 'batch', 'es')} never finished, the oldest "
                f"{unfinished.oldest_s:.0f} s old"
                f"{'' if p95 is None else f'; p95 with them is at least {p95:.1f} s'}"
            )

    def table(self) -> "pd.DataFrame":
        """
        Return one row for each alarm, each objective and each comparison with a baseline.

        Returns:
            ``kind`` (alarm, objective or regression), ``name``, ``outcome``, ``shown`` (the last state of the
            alarm, the measured value or the ratio), ``fired_at_s`` [model s], ``samples`` [count], ``why``.
        """
        import pandas as pd  # heavy: imported only when a data frame is needed

        rows: list[tuple[object, ...]] = [
            ("alarm", one.name, str(one.outcome), one.state, one.fired_at_s, None, one.why)
            for one in self.alarms
        ]
        rows += [
            ("objective", one.text, str(one.outcome), one.shown, None, one.samples, one.why)
            for one in self.objectives
        ]
        rows += [
            ("regression", one.text, str(one.outcome), one.shown, None, one.samples[0], one.why)
            for one in self.regressions
        ]
        columns = ["kind", "name", "outcome", "shown", "fired_at_s", "samples", "why"]
        return pd.DataFrame(rows, columns=columns).astype({"fired_at_s": "float64", "samples": "Int64"})

    def _tables(self) -> Iterator["TextTable"]:
        from harness.lab.gate.verdict_table import TableRow, TextTable

        if self.alarms:
            rows = []
            for one in self.alarms:
                fired = one.fired if one.fired_at_s is None else f"at {one.fired}"
                rows.append(TableRow((one.name, one.state, fired), one.outcome, one.remark))
            yield TextTable("Alarms", ("alarm", "state", "fired"), rows)
        if self.objectives:
            rows = [
                TableRow((one.text, one.shown, str(one.samples)), one.outcome, one.outcome)
                for one in self.objectives
            ]
            yield TextTable("Objectives", ("objective", "measured", "samples"), rows)
        if self.regressions:
            rows = [
                TableRow(
                    (one.text, one.shown, f"{one.samples[0]} / {one.samples[1]}"), one.outcome, one.finding
                )
                for one in self.regressions
            ]
            yield TextTable("Baseline", ("tolerated", "× baseline", "samples"), rows)

    def __repr__(self) -> str:
        return f"<Verdict of {self.run}: {self.sentence}>"

    def __rich__(self) -> "Group":
        from harness.lab.gate.verdict_table import STYLES, for_terminal

        return for_terminal(self._tables(), self.remarks(), self.sentence, STYLES[self.outcome])

    def _repr_html_(self) -> str:
        from harness.lab.gate.verdict_table import for_notebook

        return for_notebook(self._tables(), self.remarks(), self.sentence)


def overall_outcome(
    alarms: Sequence[AlarmVerdict],
    objectives: Sequence[ObjectiveVerdict],
    doubts: Iterable[str],
    breaches_of_security: int,
    regressions: Sequence[RegressionVerdict] = (),
    audit: AuditVerdict | None = None,
) -> tuple[Outcome, tuple[str, ...]]:
    """
    Return the outcome of a run and its reasons.

    The order of precedence: a forbidden attempt succeeded; something was lost or doubled; the figures cannot
    be trusted; a breach; an alarm or objective is inconclusive. Skipped alarms do not count. A run without
    any evaluation does not pass.
    """
    if breaches_of_security:
        attempts = f"{breaches_of_security} forbidden attempt{'s' if breaches_of_security > 1 else ''}"
        return Outcome.SECURITY, (f"{attempts} succeeded.",)
    if audit is not None and audit.violations:
        return Outcome.AUDIT, audit.reasons
    if doubts := tuple(doubts):
        return Outcome.INCONCLUSIVE, doubts
    parts: list[AlarmVerdict | ObjectiveVerdict | RegressionVerdict] = [*alarms, *objectives, *regressions]
    for outcome in (Outcome.BREACH, Outcome.INCONCLUSIVE):
        reasons = tuple(dict.fromkeys(one.why for one in parts if one.outcome is outcome))
        if reasons:
            return outcome, reasons
    if all(one.outcome is Outcome.SKIPPED for one in parts):
        lack = "every alarm was skipped, and there is no" if alarms else "there is neither an alarm nor an"
        return Outcome.INCONCLUSIVE, (f"Nothing was judged: {lack} objective.",)
    return Outcome.PASS, ()


def _counted(number: int, noun: str, ending: str) -> str:
    return f"{number} {noun}{'' if number == 1 else ending}"
