"""
The alarms of a run, judged one after the other: metric alarms first, then the composites over them.

Times are Unix seconds of the model clock.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.lab.alarms import sensitivity
from harness.lab.alarms.alarm import Alarm, MetricStat, Unjudged
from harness.lab.alarms.composite import Change, CompositeAlarm, play
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.recorded_metrics import Recorded, unobserved_namespaces
from harness.lab.alarms.timeline import EvaluationRules, Periods, Samples, Timeline, evaluate, instants
from harness.lab.gate.verdict import NOT_JUDGED, NOT_OBSERVED, AlarmVerdict, Outcome, Threshold, Transition
from harness.lab.results.metric_names import labels_text, metric_name

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.results.run import Run

LONGEST = 366 * 86_400
"""The longest stretch of time judged [s]."""


@dataclass(frozen=True, slots=True)
class EvaluatedSpan:
    """The stretch of time judged."""

    start: float
    end: float

    @classmethod
    def of(cls, run: "Run") -> "EvaluatedSpan":
        """
        The whole run; one that did not say how long it was ends with its last record.

        Raises:
            ValueError: It is too long to be looked at minute by minute.
        """
        start = run.started_at.timestamp()
        length = run.header.duration_s
        if length is None:
            length = max(_last(run.requests, "finished_at"), _last(run.metrics, "at"))
        length = run.model_seconds(length)
        if length > LONGEST:
            raise ValueError(f"{run.folder} is {length:g} s long; at most {LONGEST} s can be judged")
        return cls(start, start + length)

    def relative(self, at: float) -> float:
        return at - self.start


class EvaluationSession:
    """
    The alarms of one run, heard in order.

    Attributes:
        verdicts: Those judged so far, in order.

    Args:
        spoken_for: Names of the alarms an objective speaks for: firing is no breach by itself.

    Raises:
        RunUnreadable: A table is missing or damaged.
        ValueError: The header's note on unobserved namespaces is no list of names.
    """

    def __init__(self, run: "Run", spoken_for: frozenset[str], reading: EvaluationRules) -> None:
        self.verdicts: list[AlarmVerdict] = []
        self.span = EvaluatedSpan.of(run)
        self._spoken_for = spoken_for
        self._reading = reading
        self._unobserved = unobserved_namespaces(run)
        self._recorded = Recorded(run.recorded, self.span.start, run.time_scale)
        self._moves: list[tuple[float, str, AlarmState]] = []
        self._first_looks: dict[str, float] = {}

    def judge(self, alarm: Alarm | Unjudged) -> None:
        """
        Judge a metric alarm.

        Raises:
            ValueError: A sample of its metric, or a sum of them, is NaN or infinite.
        """
        if isinstance(alarm, Unjudged):
            self._skip(alarm.name, NOT_JUDGED, alarm.why)
            return
        named = {metric.namespace for _, metric in alarm.metrics}
        named |= {metric_name(metric.namespace, metric.name) for _, metric in alarm.metrics}
        named |= {metric.namespace + labels_text(metric.labels) for _, metric in alarm.metrics}
        unseen = named & self._unobserved
        if unseen:
            why = f"nobody could observe {' and '.join(sorted(unseen))} in this run"
            self._skip(alarm.name, NOT_OBSERVED, why, alarm)
            return
        samples = self._recorded.samples(alarm)
        periods = Periods(alarm, samples)
        try:
            timeline = evaluate(
                alarm, periods, start=self.span.start, end=self.span.end, reading=self._reading
            )
        except ValueError as error:
            raise ValueError(f"alarm {alarm.name}: {error}") from None
        self._first_looks[alarm.name] = next(instants(alarm, self.span.start, self.span.end))
        self._moves += [(one.at, alarm.name, one.state) for one in timeline.transitions]
        self.verdicts.append(self._verdict(timeline, samples, periods))

    def judge_composite(self, composite: CompositeAlarm) -> None:
        """Judge a composite alarm after all it watches; it is first looked at once all of those were."""
        states = {one.name: one.state for one in self.verdicts if one.outcome is Outcome.SKIPPED}
        for name in composite.watched:
            if name in states:
                self._skip(
                    composite.name, states[name], f"it watches {name}, which is {states[name]}", composite
                )
                return
        looks = [self._first_looks[name] for name in composite.watched]
        first = self._first_looks[composite.name] = max(looks, default=self.span.start)
        changes = play(composite, sorted(self._moves), start=first, end=self.span.end)
        self._moves += [(change.at, composite.name, change.state) for change in changes]
        self.verdicts.append(self._composite_verdict(composite, changes))

    def _skip(self, name: str, state: str, why: str, alarm: Alarm | CompositeAlarm | None = None) -> None:
        self.verdicts.append(
            AlarmVerdict(
                name=name,
                outcome=Outcome.SKIPPED,
                state=state,
                why=f"{state}, because {why}",
                fired_at_s=None,
                transitions=(),
                excused=name in self._spoken_for,
                place=alarm.place if alarm else None,
            )
        )

    def _verdict(
        self, timeline: Timeline, samples: Mapping[MetricStat, Samples], periods: Periods
    ) -> AlarmVerdict:
        alarm = timeline.alarm
        outcome, why = self._outcome(timeline, samples)
        excused = alarm.name in self._spoken_for
        excuse = excused and outcome is not Outcome.PASS
        return AlarmVerdict(
            name=alarm.name,
            outcome=Outcome.PASS if excuse else outcome,
            state=timeline.state,
            why="" if excuse else why,
            fired_at_s=None if timeline.fired_at is None else self.span.relative(timeline.fired_at),
            transitions=tuple(
                Transition(
                    at_s=self.span.relative(one.at),
                    at=_iso(one.at),
                    state=one.state,
                    reason=reason(alarm, one),
                    reason_data=reason_data(alarm, one),
                )
                for one in timeline.transitions
            ),
            excused=excused,
            sensitive=tuple(
                sensitivity.doubts(
                    timeline,
                    samples,
                    periods,
                    start=self.span.start,
                    end=self.span.end,
                    reading=self._reading,
                )
            ),
            place=alarm.place,
            threshold=_threshold(alarm),
        )

    def _outcome(self, timeline: Timeline, samples: Mapping[MetricStat, Samples]) -> tuple[Outcome, str]:
        name = timeline.alarm.name
        if timeline.fired_at is not None:
            return Outcome.BREACH, self._fired(name, timeline.fired_at)
        if not any(one.at.size or self._recorded.is_zero(metric) for metric, one in samples.items()):
            metric = timeline.alarm.metrics[0][1]
            return (
                Outcome.INCONCLUSIVE,
                f"Alarm {name} had no data: {metric.namespace}/{metric.name} was never seen.",
            )
        if timeline.state is AlarmState.INSUFFICIENT_DATA:
            return Outcome.INCONCLUSIVE, f"Alarm {name} ended in INSUFFICIENT_DATA."
        return Outcome.PASS, ""

    def _composite_verdict(self, composite: CompositeAlarm, changes: Sequence[Change]) -> AlarmVerdict:
        fired_at = next((change.at for change in changes if change.state is AlarmState.ALARM), None)
        excused = composite.name in self._spoken_for
        fired = {one.name for one in self.verdicts if one.fired_at_s is not None}
        # Mostly a composite repeats an alarm that fired and is judged itself; it is a breach of its own only
        # where it fires on something else, as NOT OK(…) does.
        breach = fired_at is not None and fired.isdisjoint(composite.children) and not excused
        return AlarmVerdict(
            name=composite.name,
            outcome=Outcome.BREACH if breach else Outcome.PASS,
            state=changes[-1].state if changes else AlarmState.INSUFFICIENT_DATA,
            why=self._fired(composite.name, fired_at) if breach and fired_at is not None else "",
            fired_at_s=None if fired_at is None else self.span.relative(fired_at),
            transitions=tuple(
                Transition(
                    at_s=self.span.relative(change.at),
                    at=_iso(change.at),
                    state=change.state,
                    reason=f"{composite.rule}{'' if change.acted_at is not None else ' (no actions taken)'}",
                )
                for change in changes
            ),
            excused=excused,
            place=composite.place,
        )

    def _fired(self, name: str, at: float) -> str:
        return f"Alarm {name} fired {self.span.relative(at) / 60:.1f} min into the run."


def _threshold(alarm: Alarm) -> Threshold | None:
    """Return what a plain alarm of one metric is held against."""
    if alarm.expression is not None:
        return None
    ((_, metric),) = alarm.metrics
    return Threshold(metric_name(metric.namespace, metric.name), metric.statistic.name, alarm.rule.threshold)


def _last(frame: "pd.DataFrame", column: str) -> float:
    latest = frame[column].max() if len(frame) else 0.0
    return 0.0 if math.isnan(latest) else float(latest)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
