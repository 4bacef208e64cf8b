"""
The evaluation of alarms while a stack or a run is active.

Data are added as they arrive, and the states are requested from time to time. In between, every alarm is
evaluated at each of its evaluation times. Times are Unix seconds of the clock of the data. If that clock is
compressed, they are converted to model seconds, the unit of alarms.
"""

import bisect
import math
from collections.abc import Iterable

from harness.lab.alarms.alarm import Alarm, MetricStat, UnevaluatedAlarm
from harness.lab.alarms.composite import AnyAlarm, CompositeEvaluation, in_order
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.state_change import StateChange
from harness.lab.alarms.timeline import (
    Evaluation,
    EvaluationRules,
    Periods,
    Samples,
    evaluate_at,
    evaluation_times,
)
from harness.lab.gate.verdict import Verdict
from harness.lab.results.metric_names import SERVICE_NAMESPACE, is_duration, labels_text, metric_name

Datum = tuple[float, str, str, float]
"""Time [s], metric and labels as the ``metrics`` table spells them, value."""

INSUFFICIENT = AlarmState.INSUFFICIENT_DATA
RULES = EvaluationRules()


def state_changes(verdict: Verdict, started_at: float) -> list[StateChange]:
    """Return every state change of the alarms in a verdict, in order; the run began at *started_at* [s]."""
    changes: list[StateChange] = []
    for alarm in verdict.alarms:
        before = INSUFFICIENT
        for one in alarm.transitions:
            state = AlarmState(one.state)
            at = started_at + one.at_s
            changes.append(StateChange(at, alarm.name, before, state, one.reason, one.reason_data))
            before = state
    return sorted(changes, key=lambda change: change.at)


class LiveEvaluation:
    """
    The evaluation of the alarms of a running system.

    Attributes:
        changes: Every state change so far, in order. If the actions of a composite alarm run later than
            its change, there is one more entry, from its state to the same state.
        unevaluated: The alarms that cannot be evaluated, and the composite alarms that watch one of them.

    Args:
        started_at: Start of the evaluation [s], where the model clock and the clock of the data agree.
    """

    def __init__(self, alarms: Iterable[AnyAlarm], *, started_at: float, time_scale: float = 1.0) -> None:
        self.changes: list[StateChange] = []
        self.unevaluated: list[UnevaluatedAlarm] = []
        self._started_at = started_at
        self._time_scale = time_scale
        self._evaluated_to = started_at
        self._metric_alarms: list[_LiveAlarm] = []
        self._composites: list[CompositeEvaluation] = []
        self._evaluated: set[str] = set()
        for alarm in in_order(alarms):
            if isinstance(alarm, Alarm):
                self._metric_alarms.append(_LiveAlarm(alarm))
            elif isinstance(alarm, UnevaluatedAlarm):
                self.unevaluated.append(alarm)
            elif watched := sorted({one.name for one in self.unevaluated}.intersection(alarm.watched)):
                why = f"it watches {', '.join(watched)}, which is not evaluated"
                self.unevaluated.append(UnevaluatedAlarm(alarm.name, why))
            else:
                self._composites.append(CompositeEvaluation(alarm))

    def feed(self, rows: Iterable[Datum]) -> None:
        """Add data in any order; data too old for every later evaluation are not kept."""
        for at, metric, labels, value in rows:
            if not (math.isfinite(at) and math.isfinite(value)):
                raise ValueError(f"the metric {metric} has a value that is NaN or infinite")
            model_at = self._started_at + (at - self._started_at) * self._time_scale
            scaled = value * self._time_scale if is_duration(metric) else value
            for alarm in self._metric_alarms:
                alarm.feed(model_at, metric, labels, scaled)

    def states(self, now: float) -> dict[str, AlarmState]:
        """Evaluate the alarms up to *now* [s], which never decreases, and return the state of each."""
        until = self._started_at + (now - self._started_at) * self._time_scale
        due = {
            at
            for one in self._metric_alarms
            for at in evaluation_times(one.alarm, self._evaluated_to, until)
            if at <= until
        }
        for at in sorted(due):
            self._evaluate(at)
        self._evaluated_to = max(self._evaluated_to, until)
        states = {one.alarm.name: one.state for one in self._metric_alarms}
        return states | {one.alarm.name: one.state for one in self._composites}

    def _evaluate(self, at: float) -> None:
        changed: dict[str, AlarmState] = {}
        for one in self._metric_alarms:
            before, evaluation = one.state, one.evaluate(at)
            if evaluation is None:
                continue
            self._evaluated.add(one.alarm.name)
            if evaluation.state is not before:
                changed[one.alarm.name] = evaluation.state
                text, data = reason(one.alarm, evaluation), reason_data(one.alarm, evaluation)
                self.changes.append(StateChange(at, one.alarm.name, before, evaluation.state, text, data))
        for composite in self._composites:
            if self._evaluated.issuperset(composite.alarm.watched):
                self._evaluated.add(composite.alarm.name)
                self._evaluate_composite(composite, at, changed)
            else:
                composite.update(changed)

    def _evaluate_composite(
        self, composite: CompositeEvaluation, at: float, changed: dict[str, AlarmState]
    ) -> None:
        before, known = composite.state, len(composite.changes)
        is_waiting = bool(composite.changes) and composite.changes[-1].acted_at is None
        composite.evaluate(at, changed)
        name, rule = composite.alarm.name, composite.alarm.rule
        if is_waiting and composite.changes[known - 1].acted_at is not None:
            self.changes.append(StateChange(at, name, before, before, rule))
        if composite.state is not before:
            changed[name] = composite.state
            acts = composite.changes[-1].acted_at is not None
            self.changes.append(StateChange(at, name, before, composite.state, rule, acts=acts))


class _LiveAlarm:
    """One metric alarm, and the data that its next evaluations can read."""

    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self.state = INSUFFICIENT
        self._length = (alarm.rule.evaluation_periods + RULES.surplus) * alarm.period
        self._series = {metric: _RecentData(metric) for _, metric in alarm.metrics}

    def feed(self, at: float, metric: str, labels: str, value: float) -> None:
        for series in self._series.values():
            if series.name == metric:
                series.add(at, labels, value)

    def evaluate(self, at: float) -> Evaluation | None:
        """Evaluate the alarm if it is due at *at*."""
        if not self.alarm.high_resolution and at % 60:
            return None
        for series in self._series.values():
            series.forget(at - self._length)
        periods = Periods(self.alarm, {metric: one.before(at) for metric, one in self._series.items()})
        evaluation = evaluate_at(self.alarm, periods, at=at, state=self.state, rules=RULES)
        self.state = evaluation.state
        return evaluation


class _RecentData:
    """The latest data of one metric, ascending in time: those with exactly its labels, and all others."""

    def __init__(self, metric: MetricStat) -> None:
        self.name = metric_name(metric.namespace, metric.name)
        self._labels = labels_text(metric.labels)
        self._keeps_others = not metric.labels and metric.namespace == SERVICE_NAMESPACE
        self._exact: list[tuple[float, float]] = []
        self._others: list[tuple[float, float]] = []
        self._has_exact = False

    def add(self, at: float, labels: str, value: float) -> None:
        if labels == self._labels:
            self._has_exact = True
            bisect.insort(self._exact, (at, value))
        elif self._keeps_others:
            bisect.insort(self._others, (at, value))

    def forget(self, before: float) -> None:
        for rows in (self._exact, self._others):
            del rows[: bisect.bisect_left(rows, (before, -math.inf))]

    def before(self, at: float) -> Samples:
        """Return the samples before *at*, from the rows that `recorded_metrics.rows_of` would choose."""
        rows = self._exact if self._has_exact else self._others
        rows = rows[: bisect.bisect_left(rows, (at, -math.inf))]
        return Samples.of([at for at, _ in rows], [value for _, value in rows])
