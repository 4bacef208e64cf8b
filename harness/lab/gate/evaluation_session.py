"""
The evaluation of the alarms of one run: metric alarms first, then the composite alarms over them.

Times are Unix seconds of the model clock.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.lab.alarms.alarm import Alarm, MetricStat, UnevaluatedAlarm
from harness.lab.alarms.composite import AnyAlarm, CompositeAlarm, evaluate_composite
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
"""The longest run that can be evaluated minute by minute [s]."""


class EvaluationSession:
    """
    The evaluation of the alarms of one run, each composite alarm after the alarms that it watches.

    Args:
        with_objective: Names of the alarms that an objective refers to; they may fire without a breach.
        without_data: Those of them that an objective wants in INSUFFICIENT_DATA.
    """

    def __init__(
        self,
        run: "Run",
        with_objective: frozenset[str],
        rules: EvaluationRules,
        without_data: frozenset[str] = frozenset(),
    ) -> None:
        self.verdicts: list[AlarmVerdict] = []
        self._start = run.started_at.timestamp()
        self._end = self._start + evaluated_length(run)
        self._with_objective = with_objective
        self._without_data = without_data
        self._rules = rules
        self._unobserved = unobserved_namespaces(run)
        self._recorded = RecordedMetrics(run.recorded, self._start, run.time_scale)
        self._transitions: list[tuple[float, str, AlarmState]] = []
        self._first_evaluations: dict[str, float] = {}

    @property
    def length(self) -> float:
        """Length of the evaluated interval [s]."""
        return self._end - self._start

    def evaluate(self, alarm: AnyAlarm) -> None:
        """Evaluate an alarm and add its verdict."""
        if isinstance(alarm, UnevaluatedAlarm):
            verdict = self._skipped(alarm, NOT_EVALUATED, alarm.reason)
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
            why = f"the run does not record {' and '.join(unobserved)}"
            return self._skipped(alarm, NOT_OBSERVED, why)
        samples = self._recorded.samples(alarm)
        periods = Periods(alarm, samples)
        start, end = self._start, self._end
        try:
            timeline = evaluate(alarm, periods, start=start, end=end, rules=self._rules)
        except ValueError as error:
            raise ValueError(f"alarm {alarm.name}: {error}") from None
        self._first_evaluations[alarm.name] = next(evaluation_times(alarm, start, end))
        self._transitions += [(one.at, alarm.name, one.state) for one in timeline.transitions]
        sensitive = sensitivities(timeline, samples, periods, start=start, end=end, rules=self._rules)
        outcome, why = self._outcome(timeline, samples)
        transitions = [
            self._transition(one.at, one.state, reason(alarm, one), reason_data(alarm, one))
            for one in timeline.transitions
        ]
        verdict = self._verdict(alarm, outcome, timeline.state, why, transitions)
        return replace(verdict, sensitive=tuple(sensitive), threshold=_threshold(alarm))

    def _outcome(self, timeline: Timeline, samples: Mapping[MetricStat, Samples]) -> tuple[Outcome, str]:
        name = timeline.alarm.name
        if timeline.fired_at is not None:
            return Outcome.BREACH, self._fired(name, timeline.fired_at)
        if not any(one.at.size or self._recorded.is_zero_without_data(key) for key, one in samples.items()):
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
                return self._skipped(composite, skipped[name], why)
        times = [self._first_evaluations[name] for name in composite.watched]
        first = self._first_evaluations[composite.name] = max(times, default=self._start)
        changes = evaluate_composite(composite, sorted(self._transitions), start=first, end=self._end)
        self._transitions += [(change.at, composite.name, change.state) for change in changes]
        fired_at = next((change.at for change in changes if change.state is AlarmState.ALARM), None)
        fired = {one.name for one in self.verdicts if one.fired_at_s is not None}
        outcome, why = Outcome.PASS, ""
        # A composite alarm usually repeats a child that fired and has its own verdict. It is a breach itself
        # only if no child fired, as with NOT OK(…).
        if fired_at is not None and fired.isdisjoint(composite.children):
            outcome, why = Outcome.BREACH, self._fired(composite.name, fired_at)
        transitions = [
            self._transition(
                one.at, one.state, f"{composite.rule}{' (no actions taken)' if one.acted_at is None else ''}"
            )
            for one in changes
        ]
        state = changes[-1].state if changes else AlarmState.INSUFFICIENT_DATA
        return self._verdict(composite, outcome, state, why, transitions)

    def _skipped(self, alarm: AnyAlarm, state: str, why: str) -> AlarmVerdict:
        return self._verdict(alarm, Outcome.SKIPPED, state, f"{state}, because {why}")

    def _verdict(
        self, alarm: AnyAlarm, outcome: Outcome, state: str, why: str, transitions: Sequence[Transition] = ()
    ) -> AlarmVerdict:
        excused = alarm.name in self._with_objective
        is_wanted = state == AlarmState.INSUFFICIENT_DATA and alarm.name in self._without_data
        if (excused and outcome is Outcome.BREACH) or (is_wanted and outcome is Outcome.INCONCLUSIVE):
            outcome, why = Outcome.PASS, ""
        return AlarmVerdict(
            name=alarm.name,
            outcome=outcome,
            state=state,
            why=why,
            fired_at_s=next((one.at_s for one in transitions if one.state == AlarmState.ALARM), None),
            transitions=tuple(transitions),
            excused=excused,
            place=alarm.place,
        )

    def _transition(
        self, at: float, state: AlarmState, text: str, data: Mapping[str, object] | None = None
    ) -> Transition:
        iso = datetime.fromtimestamp(at, UTC).isoformat()
        return Transition(at - self._start, iso, state, text, data or {})

    def _fired(self, name: str, at: float) -> str:
        return f"Alarm {name} fired {(at - self._start) / 60:.1f} min into the run."


def evaluated_length(run: "Run") -> float:
    """Return how long a run lasted [s]; without a recorded duration it ends with the last record."""
    length = run.header.duration_s
    if length is None:
        length = max(_last(run.requests, "finished_at"), _last(run.metrics, "at"))
    length = run.model_seconds(length)
    if length > LENGTH_MAX:
        limit = f"runs of at most {LENGTH_MAX} s can be evaluated"
        raise ValueError(f"{run.folder} is {length:g} s long; {limit}")
    return length


def _threshold(alarm: Alarm) -> Threshold | None:
    if alarm.expression is not None:
        return None
    ((_, metric),) = alarm.metrics
    return Threshold(metric_name(metric.namespace, metric.name), metric.statistic.name, alarm.rule.threshold)


def _last(frame: "pd.DataFrame", column: str) -> float:
    latest = frame[column].max() if len(frame) else 0.0
    return 0.0 if math.isnan(latest) else float(latest)
