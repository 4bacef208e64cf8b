"""
The timeline of an alarm: its evaluations, the datapoints they read, and its state changes.

CloudWatch evaluates standard alarms every minute, and those with a period of 10, 20 or 30 s every 10 s. The
periods of an evaluation end at its time. With a period of five minutes, the same samples therefore belong to
other periods each minute. An evaluation does not see samples that arrive after it.

Times are float seconds on the clock of the alarm's metrics; minutes begin at multiples of 60.

Source: CloudWatch user guide, "Evaluating an alarm"; the event samples in "Alarm events and EventBridge".
"""

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.typing import ArrayLike

from harness.lab.alarms.alarm import Alarm, MetricStat
from harness.lab.alarms.evaluate import AlarmState, Decision, decide, marks, next_state
from harness.lab.alarms.statistic import PercentileMethod

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

LowSamples = Literal["window", "period"]


@dataclass(slots=True)
class Samples:
    """
    The raw samples of one metric: finite numbers, ascending in time.

    Attributes:
        at: Timestamps, shape (n,) [s].
        arrived_at: Times at which the samples became visible, shape (n,) [s]; None means at once.
    """

    at: Floats
    values: Floats
    arrived_at: Floats | None = None

    def __post_init__(self) -> None:
        if self.at.shape != self.values.shape:
            raise ValueError(f"{self.at.size} timestamps for {self.values.size} values")
        if self.arrived_at is not None and self.at.shape != self.arrived_at.shape:
            raise ValueError(f"{self.at.size} timestamps for {self.arrived_at.size} arrivals")
        if not np.isfinite(self.values).all() or not np.isfinite(self.at).all():
            raise ValueError("a sample is NaN or infinite; CloudWatch accepts neither")
        if self.at.size and np.any(np.diff(self.at) < 0):
            raise ValueError("the samples are not in the order of their timestamps")
        if self.arrived_at is not None and not np.any(self.arrived_at > self.at):
            self.arrived_at = None

    @classmethod
    def of(cls, at: ArrayLike, values: ArrayLike, arrived_at: ArrayLike | None = None) -> "Samples":
        """Return samples sorted by timestamp."""
        times = np.asarray(at, dtype=np.float64)
        order = np.argsort(times, kind="stable")
        arrived = None if arrived_at is None else np.asarray(arrived_at, dtype=np.float64)[order]
        return cls(times[order], np.asarray(values, dtype=np.float64)[order], arrived)

    def bounds(self, starts: Floats, length: float) -> tuple[Rows, Rows]:
        """Return, for each start, the first row stamped in [start, start + length) and the first after it."""
        firsts, lasts = np.searchsorted(self.at, np.concatenate([starts, starts + length])).reshape(2, -1)
        return firsts, lasts

    def between(self, first: int, last: int, seen_at: float) -> Floats:
        """Return the values of rows [first, last) that were visible at *seen_at*, ascending."""
        values = self.values[first:last]
        if self.arrived_at is not None:
            values = values[self.arrived_at[first:last] <= seen_at]
        return np.sort(values)


NO_SAMPLES = Samples(np.empty(0), np.empty(0))


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """
    The rules of CloudWatch that AWS does not publish.

    Attributes:
        surplus: Periods by which the evaluation range exceeds N; `sensitivity` tries others.
        low_samples: Whether the samples that a percentile needs are counted over all N periods or in each.
    """

    surplus: int = 2
    low_samples: LowSamples = "window"


@dataclass(frozen=True, slots=True)
class Datapoint:
    """One period of an evaluation range: its start [s], statistic and number of samples."""

    start: float
    value: float | None
    samples: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation of an alarm; *held* if too few samples for its percentile kept the state."""

    at: float
    datapoints: tuple[Datapoint, ...]
    decision: Decision
    before: AlarmState
    held: bool

    @property
    def state(self) -> AlarmState:
        return self.before if self.held else self.decision.state


@dataclass(frozen=True, slots=True)
class Timeline:
    """The evaluations that changed the state of one alarm, in order, and its state at the end."""

    alarm: Alarm
    transitions: tuple[Evaluation, ...]
    state: AlarmState

    @property
    def fired_at(self) -> float | None:
        """Time of the first transition into ALARM [s]."""
        return next((one.at for one in self.transitions if one.state is AlarmState.ALARM), None)


def evaluation_interval(alarm: Alarm) -> int:
    """Return the time between two evaluations of an alarm [s]."""
    return 10 if alarm.high_resolution else 60


def evaluation_times(alarm: Alarm, start: float, end: float) -> Iterator[float]:
    """Yield the evaluation times of an alarm after *start*, up to the first at or after *end* [s]."""
    step = evaluation_interval(alarm)
    first, last = math.floor(start / step) + 1, math.ceil(end / step)
    for number in range(first, max(last, first) + 1):
        yield float(number * step)


class Periods:
    """
    The datapoints of an alarm's periods. Each is computed once, unless samples arrive late.

    Attributes:
        late: Whether a sample becomes visible after its timestamp, so that a datapoint depends on the time
            of the evaluation.
    """

    def __init__(
        self, alarm: Alarm, samples: Mapping[MetricStat, Samples], method: PercentileMethod = "nearest_rank"
    ) -> None:
        self._period = alarm.period
        self._expression = alarm.expression
        self._method = method
        self._metrics = [(key, stat.statistic, samples.get(stat, NO_SAMPLES)) for key, stat in alarm.metrics]
        self.late = any(one.arrived_at is not None for _, _, one in self._metrics)
        self._known: dict[float, Datapoint] = {}

    def at(self, starts: Sequence[float], seen_at: float) -> list[Datapoint]:
        """Return the datapoints of the periods that begin at *starts*, as visible at *seen_at* [s]."""
        if self.late:
            return self._computed(starts, seen_at)
        unknown = [start for start in starts if start not in self._known]
        if unknown:
            self._known.update(zip(unknown, self._computed(unknown, seen_at), strict=True))
        return [self._known[start] for start in starts]

    @np.errstate(over="ignore")  # an infinite sum is an invalid datapoint, see `marks`
    def _computed(self, starts: Sequence[float], seen_at: float) -> list[Datapoint]:
        counts = [0] * len(starts)
        found: list[dict[str, float | None]] = [{} for _ in starts]
        for key, statistic, samples in self._metrics:
            firsts, lasts = samples.bounds(np.array(starts), self._period)
            for index, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
                values = samples.between(first, last, seen_at)
                counts[index] += values.size
                found[index][key] = statistic.value(values, self._method) if values.size else None
        return [
            Datapoint(start, self._expression.value(one) if self._expression else one["m1"], count)
            for start, one, count in zip(starts, found, counts, strict=True)
        ]


def evaluate(
    alarm: Alarm,
    periods: Periods,
    *,
    start: float,
    end: float,
    rules: EvaluationRules | None = None,
    state: AlarmState = AlarmState.INSUFFICIENT_DATA,
) -> Timeline:
    """Evaluate an alarm from *start* to the first evaluation time at or after *end* [s]."""
    rules = rules or EvaluationRules()
    # Most evaluation ranges of a day are equal.
    following = functools.cache(functools.partial(next_state, alarm.rule))
    transitions: list[Evaluation] = []
    for at, window in _windows(alarm, periods, list(evaluation_times(alarm, start, end)), rules):
        if window is not None and following(window, state) is state:
            continue
        evaluation = evaluate_at(alarm, periods, at=at, state=state, rules=rules)
        if evaluation.state is not state:
            transitions.append(evaluation)
        state = evaluation.state
    return Timeline(alarm, tuple(transitions), state)


def _windows(
    alarm: Alarm, periods: Periods, times: Sequence[float], rules: EvaluationRules
) -> Iterator[tuple[float, bytes | None]]:
    """
    Yield each evaluation time with the marks of its evaluation range.

    The marks are None if they do not decide alone: samples arrive late, or their number matters.
    """
    if periods.late or alarm.ignore_low_samples:
        yield from ((at, None) for at in times)
        return
    step = evaluation_interval(alarm)
    stride, length = alarm.period // step, alarm.rule.evaluation_periods + rules.surplus
    reach = length * stride
    grid = [times[0] + step * index for index in range(-reach, len(times) - stride)]
    row = marks(alarm.rule, (point.value for point in periods.at(grid, times[-1])))
    for index, at in enumerate(times):
        yield at, row[index : index + reach : stride]


def evaluate_at(
    alarm: Alarm, periods: Periods, *, at: float, state: AlarmState, rules: EvaluationRules
) -> Evaluation:
    """Evaluate an alarm once, at *at* [s]."""
    length = alarm.rule.evaluation_periods + rules.surplus
    datapoints = tuple(periods.at([at - alarm.period * age for age in range(length, 0, -1)], at))
    decision = decide(alarm.rule, [point.value for point in datapoints], state)
    held = alarm.ignore_low_samples and too_few_samples(
        (point.samples for point in datapoints),
        max(metric.statistic.samples_needed() for _, metric in alarm.metrics),
        alarm.rule.evaluation_periods,
        rules.low_samples,
    )
    return Evaluation(at, datapoints, decision, state, held)


def too_few_samples(
    counts: Iterable[int], needed: float, evaluation_periods: int, low_samples: LowSamples = "window"
) -> bool:
    """Return whether the newest periods with samples (*counts* is oldest first) have fewer than *needed*."""
    present = [count for count in counts if count][-evaluation_periods:]
    count_of = sum if low_samples == "window" else min
    return bool(present) and count_of(present) < needed
