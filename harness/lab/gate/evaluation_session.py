"""
The evaluation of the alarms of one run: metric alarms first, then the composite alarms over them.

Times are Unix seconds of the model clock.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.lab.alarms.alarm import Alarm, MetricStat, Place, UnevaluatedAlarm
from harness.lab.alarms.composite import AnyAlarm, CompositeAlarm, CompositeChange, evaluate_composite
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.recorded_metrics import RecordedMetrics, unobserved_namespaces
from harness.lab.alarms.sensitivity import sensitivities
from harness.lab.alarms.timeline import (
    EvaluationRules,
    Periods,
    Samples,
    Timeline,
    evaluate,
    evaluation_times,
)
from harness.lab.gate.verdict import NOT_EVALUATED, NOT_OBSERVED, AlarmVerdict, Outcome, Threshold, Transition
from harness.lab.results.metric_names import labels_text, metric_name

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.results.run import Run

LENGTH_MAX = 366 * 86_400
"""The longest run that can be evaluated [s]."""


@dataclass(frozen=True, slots=True)
class EvaluatedInterval:
    """The interval over which alarms are evaluated."""

    start: float
    end: float

    @classmethod
    def of(cls, run: "Run") -> "EvaluatedInterval":
        """
        Return the interval of the whole run; without a recorded duration it ends with the last record.

        Raises:
            ValueError: The run is too long to be evaluated minute by minute.
        """
        start = run.started_at.timestamp()
        length = run.header.duration_s
        if length is None:
            length = max(_last(run.requests, "finished_at"), _last(run.metrics, "at"))
        length = run.model_seconds(length)
        if length > LENGTH_MAX:
            raise ValueError(
                f"{run.folder} is {length:g} s long; runs of at most {LENGTH_MAX} s can be evaluated"
            )
        return cls(start, start + length)

    @property
    def length(self) -> float:
        return self.end - self.start


class EvaluationSession:
    """
    The evaluation of the alarms of one run.

    A composite alarm must be evaluated after the alarms that it watches.

    Attributes:
        verdicts: The verdicts so far, in the order of evaluation.

    Args:
        with_objective: Names of the alarms that an objective refers to; they may fire without a breach.

    Raises:
        RunUnreadable: A table is missing or damaged.
        ValueError: The header's note on unobserved namespaces is not a list of names.
    """

    def __init__(self, run: "Run", with_objective: frozenset[str], rules: EvaluationRules) -> None:
        self.verdicts: list[AlarmVerdict] = []
        self.interval = EvaluatedInterval.of(run)
        self._with_objective = with_objective
        self._rules = rules
        self._unobserved = unobserved_namespaces(run)
        self._recorded = RecordedMetrics(run.recorded, self.interval.start, run.time_scale)
        self._transitions: list[tuple[float, str, AlarmState]] = []
        self._first_evaluations: dict[str, float] = {}

    def evaluate(self, alarm: AnyAlarm) -> None:
        """
        Evaluate an alarm and add its verdict.

        Raises:
            ValueError: A sample of its metric, or a sum of them, is NaN or infinite.
        """
        if isinstance(alarm, UnevaluatedAlarm):
            verdict = self._skipped(alarm.name, NOT_EVALUATED, alarm.reason)
        elif isinstance(alarm, CompositeAlarm):
            verdict = self._evaluate_composite(alarm)
        else:
            verdict = self._evaluate_metric_alarm(alarm)
        self.verdicts.append(verdict)

    def _evaluate_metric_alarm(self, alarm: Alarm) -> AlarmVerdict:
        metrics = {metric for _, metric in alarm.metrics}
        names = {metric.namespace for metric in metrics}
        names |= {metric_name(metric.namespace, metric.name) for metric in metrics}
        names |= {metric.namespace + labels_text(metric.labels) for metric in metrics}
        if unobserved := sorted(names & self._unobserved):
            why = f"nobody could observe {' and '.join(unobserved)} in this run"
            return self._skipped(alarm.name, NOT_OBSERVED, why, alarm.place)
        samples = self._recorded.samples(alarm)
        periods = Periods(alarm, samples)
        start, end = self.interval.start, self.interval.end
        try:
            timeline = evaluate(alarm, periods, start=start, end=end, rules=self._rules)
        except ValueError as error:
            raise ValueError(f"alarm {alarm.name}: {error}") from None
        self._first_evaluations[alarm.name] = next(evaluation_times(alarm, start, end))
        self._transitions += [(one.at, alarm.name, one.state) for one in timeline.transitions]
        sensitive = sensitivities(timeline, samples, periods, start=start, end=end, rules=self._rules)
        return self._alarm_verdict(timeline, samples, tuple(sensitive))

    def _alarm_verdict(
        self, timeline: Timeline, samples: Mapping[MetricStat, Samples], sensitive: tuple[str, ...]
    ) -> AlarmVerdict:
        alarm, fired_at = timeline.alarm, timeline.fired_at
        outcome, why = self._outcome(timeline, samples)
        if alarm.name in self._with_objective:
            outcome, why = Outcome.PASS, ""
        return AlarmVerdict(
            name=alarm.name,
            outcome=outcome,
            state=timeline.state,
            why=why,
            fired_at_s=None if fired_at is None else self._relative(fired_at),
            transitions=tuple(
                Transition(
                    at_s=self._relative(one.at),
                    at=_iso(one.at),
                    state=one.state,
                    reason=reason(alarm, one),
                    reason_data=reason_data(alarm, one),
                )
                for one in timeline.transitions
            ),
            excused=alarm.name in self._with_objective,
            sensitive=sensitive,
            place=alarm.place,
            threshold=_threshold(alarm),
        )

    def _outcome(self, timeline: Timeline, samples: Mapping[MetricStat, Samples]) -> tuple[Outcome, str]:
        name = timeline.alarm.name
        if timeline.fired_at is not None:
            return Outcome.BREACH, self._fired(name, timeline.fired_at)
        has_data = any(
            one.at.size or self._recorded.is_zero_without_data(metric) for metric, one in samples.items()
        )
        if not has_data:
            metric = timeline.alarm.metrics[0][1]
            why = f"Alarm {name} had no data: {metric.namespace}/{metric.name} was never seen."
            return Outcome.INCONCLUSIVE, why
        if timeline.state is AlarmState.INSUFFICIENT_DATA:
            return Outcome.INCONCLUSIVE, f"Alarm {name} ended in INSUFFICIENT_DATA."
        return Outcome.PASS, ""

    def _evaluate_composite(self, composite: CompositeAlarm) -> AlarmVerdict:
        """Evaluate a composite alarm from the time at which all watched alarms have been evaluated."""
        skipped = {one.name: one.state for one in self.verdicts if one.outcome is Outcome.SKIPPED}
        for name in composite.watched:
            if name in skipped:
                why = f"it watches {name}, which is {skipped[name]}"
                return self._skipped(composite.name, skipped[name], why, composite.place)
        times = [self._first_evaluations[name] for name in composite.watched]
        first = self._first_evaluations[composite.name] = max(times, default=self.interval.start)
        changes = evaluate_composite(composite, sorted(self._transitions), start=first, end=self.interval.end)
        self._transitions += [(change.at, composite.name, change.state) for change in changes]
        return self._composite_verdict(composite, changes)

    def _composite_verdict(self, composite: CompositeAlarm, changes: list[CompositeChange]) -> AlarmVerdict:
        fired_at = next((change.at for change in changes if change.state is AlarmState.ALARM), None)
        excused = composite.name in self._with_objective
        fired = {one.name for one in self.verdicts if one.fired_at_s is not None}
        # A composite alarm usually repeats a child that fired and has its own verdict. It is a breach itself
        # only if no child fired, as with NOT OK(…).
        breach = fired_at is not None and fired.isdisjoint(composite.children) and not excused
        return AlarmVerdict(
            name=composite.name,
            outcome=Outcome.BREACH if breach else Outcome.PASS,
            state=changes[-1].state if changes else AlarmState.INSUFFICIENT_DATA,
            why=self._fired(composite.name, fired_at) if breach and fired_at is not None else "",
            fired_at_s=None if fired_at is None else self._relative(fired_at),
            transitions=tuple(
                Transition(
                    at_s=self._relative(change.at),
                    at=_iso(change.at),
                    state=change.state,
                    reason=f"{composite.rule}{'' if change.acted_at is not None else ' (no actions taken)'}",
                )
                for change in changes
            ),
            excused=excused,
            place=composite.place,
        )

    def _skipped(self, name: str, state: str, why: str, place: Place | None = None) -> AlarmVerdict:
        return AlarmVerdict(
            name=name,
            outcome=Outcome.SKIPPED,
            state=state,
            why=f"{state}, because {why}",
            fired_at_s=None,
            transitions=(),
            excused=name in self._with_objective,
            place=place,
        )

    def _relative(self, at: float) -> float:
        return at - self.interval.start

    def _fired(self, name: str, at: float) -> str:
        return f"Alarm {name} fired {self._relative(at) / 60:.1f} min into the run."


def _threshold(alarm: Alarm) -> Threshold | None:
    if alarm.expression is not None:
        return None
    ((_, metric),) = alarm.metrics
    return Threshold(metric_name(metric.namespace, metric.name), metric.statistic.name, alarm.rule.threshold)


def _last(frame: "pd.DataFrame", column: str) -> float:
    latest = frame[column].max() if len(frame) else 0.0
    return 0.0 if math.isnan(latest) else float(latest)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
