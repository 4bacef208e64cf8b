"""
Alarms evaluated while a stack or a run is going.

The judge is fed data as they come in and asked for the states now and then; in between it looks at every
instant CloudWatch would have looked at. Times are Unix seconds of the clock of the data; where that is
compressed, the judge converts to model seconds, in which alarms are written.
"""

import bisect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.lab.alarms.alarm import Alarm, MetricStat, Unjudged
from harness.lab.alarms.composite import CompositeAlarm, CompositeAlarmState, in_order
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.reason import reason, reason_data
from harness.lab.alarms.timeline import Evaluation, EvaluationRules, Periods, Samples, instants, look
from harness.lab.gate.verdict import Verdict
from harness.lab.results.metric_names import SERVICE_NAMESPACE, is_duration, labels_text, metric_name

Datum = tuple[float, str, str, float]
"""When [s], the metric and its labels as the ``metrics`` table spells them, the value."""

INSUFFICIENT = AlarmState.INSUFFICIENT_DATA


@dataclass(frozen=True, slots=True)
class StateChange:
    """
    An alarm changed its state.

    Attributes:
        at: When, on the model clock [s].
        acts: Whether its actions run; those of a composite may be suppressed, or come later.
    """

    at: float
    alarm: str
    before: AlarmState
    state: AlarmState
    reason: str
    reason_data: Mapping[str, object] = field(default_factory=dict)
    acts: bool = True


def moves_of(verdict: Verdict, started_at: float) -> list[StateChange]:
    """Return every change of an alarm's state in a run that is over and judged."""
    moves: list[StateChange] = []
    for alarm in verdict.alarms:
        before = INSUFFICIENT
        for one in alarm.transitions:
            state = AlarmState(one.state)
            moves.append(
                StateChange(started_at + one.at_s, alarm.name, before, state, one.reason, one.reason_data)
            )
            before = state
    return sorted(moves, key=lambda move: move.at)


class LiveEvaluation:
    """
    The alarms of a system that is running.

    Attributes:
        moves: Every change of state so far, in order; a suppressed composite that acts later appears
            once more, from its state to itself.
        unjudged: The alarms that are not evaluated: of a kind the judge cannot, or watching one of those.

    Args:
        started_at: When model time and the clock of the data agree; nothing earlier is judged [s].
        time_scale: Model seconds per second.

    Raises:
        ValueError: A composite alarm reads an alarm that does not exist.
    """

    def __init__(
        self,
        alarms: Iterable[Alarm | Unjudged],
        composites: Iterable[CompositeAlarm] = (),
        *,
        started_at: float,
        time_scale: float = 1.0,
        reading: EvaluationRules | None = None,
    ) -> None:
        self.moves: list[StateChange] = []
        self._reading = reading or EvaluationRules()
        self._started_at = started_at
        self._time_scale = time_scale
        self._seen_to = started_at
        self.unjudged: list[Unjudged] = []
        self._watches: list[_Watch] = []
        self._players: list[CompositeAlarmState] = []
        for alarm in alarms:
            if isinstance(alarm, Unjudged):
                self.unjudged.append(alarm)
            else:
                self._watches.append(_Watch(alarm, self._reading))
        known = [watch.alarm.name for watch in self._watches] + [one.name for one in self.unjudged]
        for composite in in_order(composites, known):
            unjudged = {one.name for one in self.unjudged}.intersection(composite.watched)
            if unjudged:
                why = f"it watches {', '.join(sorted(unjudged))}, which is not judged"
                self.unjudged.append(Unjudged(composite.name, why))
            else:
                self._players.append(CompositeAlarmState(composite))
        self._looked_at: set[str] = set()

    def feed(self, rows: Iterable[Datum]) -> None:
        """
        Take data, in any order; what is too old for every evaluation to come is not kept.

        Raises:
            ValueError: A value is NaN or infinite.
        """
        for at, metric, labels, value in rows:
            if not (math.isfinite(at) and math.isfinite(value)):
                raise ValueError(f"the metric {metric} has a value that is NaN or infinite")
            model_at = self._started_at + (at - self._started_at) * self._time_scale
            scaled = value * self._time_scale if is_duration(metric) else value
            for watch in self._watches:
                watch.feed(model_at, metric, labels, scaled)

    def states(self, now: float) -> dict[str, AlarmState]:
        """Return the state of every alarm at *now* [s], which never goes back; `moves` tells how it came."""
        until = self._started_at + (now - self._started_at) * self._time_scale
        due = {
            at for watch in self._watches for at in instants(watch.alarm, self._seen_to, until) if at <= until
        }
        for at in sorted(due):
            self._look(at)
        self._seen_to = max(self._seen_to, until)
        simple = {watch.alarm.name: watch.state for watch in self._watches}
        return simple | {player.alarm.name: player.state for player in self._players}

    def _look(self, at: float) -> None:
        moved: dict[str, AlarmState] = {}
        for watch in self._watches:
            before, evaluation = watch.state, watch.look(at)
            if evaluation is None:
                continue
            self._looked_at.add(watch.alarm.name)
            if evaluation.state is not before:
                moved[watch.alarm.name] = evaluation.state
                words, data = reason(watch.alarm, evaluation), reason_data(watch.alarm, evaluation)
                self.moves.append(StateChange(at, watch.alarm.name, before, evaluation.state, words, data))
        for player in self._players:
            if self._looked_at.issuperset(player.alarm.watched):
                self._looked_at.add(player.alarm.name)
                self._see(player, at, moved)
            else:
                player.learn(moved)

    def _see(self, player: CompositeAlarmState, at: float, moved: dict[str, AlarmState]) -> None:
        before, known = player.state, len(player.changes)
        held = bool(player.changes) and player.changes[-1].acted_at is None
        player.see(at, moved)
        name, words = player.alarm.name, player.alarm.rule
        if held and player.changes[known - 1].acted_at is not None:
            self.moves.append(StateChange(at, name, before, before, words))
        if player.state is not before:
            moved[name] = player.state
            acts = player.changes[-1].acted_at is not None
            self.moves.append(StateChange(at, name, before, player.state, words, acts=acts))


class _Watch:
    """One metric alarm, and of its metrics what it can still look at."""

    def __init__(self, alarm: Alarm, reading: EvaluationRules) -> None:
        self.alarm = alarm
        self.state = INSUFFICIENT
        self._reading = reading
        self._length = (alarm.rule.evaluation_periods + reading.surplus) * alarm.period
        self._series = {metric: _Series(metric) for _, metric in alarm.metrics}

    def feed(self, at: float, metric: str, labels: str, value: float) -> None:
        for series in self._series.values():
            if series.name == metric:
                series.add(at, labels, value)

    def look(self, at: float) -> Evaluation | None:
        """Evaluate if the alarm is due at this instant."""
        if not self.alarm.high_resolution and at % 60:
            return None
        for series in self._series.values():
            series.forget(at - self._length)
        seen = {metric: series.before(at) for metric, series in self._series.items()}
        periods = Periods(self.alarm, seen)
        evaluation = look(self.alarm, periods, at=at, state=self.state, reading=self._reading)
        self.state = evaluation.state
        return evaluation


class _Series:
    """The latest data of one metric, by labels, each ascending in time."""

    def __init__(self, metric: MetricStat) -> None:
        self.name = metric_name(metric.namespace, metric.name)
        self._labels = labels_text(metric.labels)
        self._any = not metric.labels and metric.namespace == SERVICE_NAMESPACE
        self._exact: list[tuple[float, float]] = []
        self._others: list[tuple[float, float]] = []
        self._is_exact = False

    def add(self, at: float, labels: str, value: float) -> None:
        if labels == self._labels:
            self._is_exact = True
            bisect.insort(self._exact, (at, value))
        elif self._any:
            bisect.insort(self._others, (at, value))

    def forget(self, before: float) -> None:
        for rows in (self._exact, self._others):
            del rows[: bisect.bisect_left(rows, (before, -math.inf))]

    def before(self, at: float) -> Samples:
        """Return what is left of before *at*, from the rows `recorded.rows_of` would choose."""
        rows = self._exact if self._is_exact else self._others
        rows = rows[: bisect.bisect_left(rows, (at, -math.inf))]
        return Samples.of([at for at, _ in rows], [value for _, value in rows])
