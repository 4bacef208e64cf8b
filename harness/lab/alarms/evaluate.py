"""
The decision of a CloudWatch metric alarm at one instant.

An alarm reads an *evaluation range* that is larger than its N evaluation periods, so that missing
datapoints can be skipped. AWS does not publish the size of the range; it is a parameter here. M is the number
of datapoints to alarm. The rules, in the order in which they apply:

1. N or more real datapoints are in the range: the newest N decide, missing ones are ignored.
2. No real datapoint: ``missing`` gives INSUFFICIENT_DATA, ``ignore`` keeps the state, ``breaching`` and
   ``notBreaching`` follow rule 3.
3. Fewer than N real datapoints, ``breaching`` or ``notBreaching``: the missing ones are filled up to N. M
   breaching datapoints give ALARM.
4. Fewer than N real datapoints, ``missing`` or ``ignore``: M breaching datapoints give ALARM. Otherwise a
   datapoint that does not breach gives OK. If all breach but are fewer than M, the age of the oldest decides
   for ``missing``: at least M periods gives ALARM, a younger one keeps the state. ``ignore`` keeps the state.

Rule 4 reproduces all 40 cells of the two tables that AWS publishes, and its text on premature transitions.

Source: CloudWatch user guide, "Configuring how CloudWatch alarms treat missing data".
"""

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

Datapoint = float | None
"""A statistic of one period; None if it is missing."""

BREACHING, NOT_BREACHING, MISSING = b"X", b"0", b"-"
"""Marks of a datapoint, as in the tables that AWS publishes."""


class AlarmState(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class TreatMissing(StrEnum):
    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


class ComparisonOperator(StrEnum):
    GREATER = "GreaterThanThreshold"
    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"

    def breached(self, value: float, threshold: float) -> bool:
        return _OPERATORS[self](value, threshold)


_OPERATORS: dict[ComparisonOperator, Callable[[float, float], bool]] = {
    ComparisonOperator.GREATER: operator.gt,
    ComparisonOperator.GREATER_OR_EQUAL: operator.ge,
    ComparisonOperator.LESS: operator.lt,
    ComparisonOperator.LESS_OR_EQUAL: operator.le,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of an alarm: at least M of the last N datapoints breach the threshold."""

    threshold: float
    comparison: ComparisonOperator
    evaluation_periods: int
    datapoints_to_alarm: int
    treat_missing: TreatMissing

    def __post_init__(self) -> None:
        if not math.isfinite(self.threshold):
            raise ValueError(f"the threshold must be a finite number, not {self.threshold}")
        if self.evaluation_periods < 1:
            raise ValueError(f"EvaluationPeriods must be at least 1, not {self.evaluation_periods}")
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            raise ValueError(
                f"DatapointsToAlarm must be 1 to {self.evaluation_periods}, not {self.datapoints_to_alarm}"
            )


@dataclass(frozen=True, slots=True)
class Decision:
    """
    The result of one evaluation, and the datapoints it is based on.

    Attributes:
        used: Ages (1 is the newest period) and values of the real datapoints that decided, oldest first.
        to_fill: Number of datapoints missing from N.
    """

    state: AlarmState
    used: tuple[tuple[int, float], ...]
    to_fill: int


def decide(rule: Rule, datapoints: Sequence[Datapoint], current: AlarmState) -> Decision:
    """Return the decision over one evaluation range, with one datapoint per period, oldest first."""
    state = next_state(rule, marks(rule, datapoints), current)
    ages = range(len(datapoints), 0, -1)
    real = [(age, value) for age, value in zip(ages, datapoints, strict=True) if value is not None]
    used = tuple(real[-rule.evaluation_periods :])
    return Decision(state, used, to_fill=rule.evaluation_periods - len(used))


def marks(rule: Rule, datapoints: Iterable[Datapoint]) -> bytes:
    """Return one mark per datapoint: ``X`` breaches, ``0`` does not, ``-`` is missing."""
    return bytes(_mark(rule, value) for value in datapoints)


def _mark(rule: Rule, value: Datapoint) -> int:
    if value is None:
        return MISSING[0]
    if not math.isfinite(value):
        raise ValueError("a datapoint is not a finite number")
    return BREACHING[0] if rule.comparison.breached(value, rule.threshold) else NOT_BREACHING[0]


def next_state(rule: Rule, window: bytes, current: AlarmState) -> AlarmState:
    """Return the state after a *window* of marks, oldest first, by the four rules of this module."""
    real = window.translate(None, delete=MISSING)[-rule.evaluation_periods :]
    missing = rule.evaluation_periods - len(real)
    breaching = real.count(BREACHING)
    filled = breaching + missing if rule.treat_missing is TreatMissing.BREACHING else breaching
    enough = filled >= rule.datapoints_to_alarm
    if missing == 0 or rule.treat_missing in (TreatMissing.BREACHING, TreatMissing.NOT_BREACHING):
        return AlarmState.ALARM if enough else AlarmState.OK
    ignore = rule.treat_missing is TreatMissing.IGNORE
    if not real:
        return current if ignore else AlarmState.INSUFFICIENT_DATA
    if enough:
        return AlarmState.ALARM
    if breaching < len(real):
        return AlarmState.OK
    oldest = len(window.lstrip(MISSING))
    return AlarmState.ALARM if oldest >= rule.datapoints_to_alarm and not ignore else current
