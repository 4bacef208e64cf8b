"""
Composite alarms: a rule over the states of other alarms, and a suppressor of their actions.

Source: CloudWatch API reference, ``PutCompositeAlarm``; user guide, "Combining alarms".
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from harness.lab.alarms.alarm import Alarm, Place, Properties, UnevaluatedAlarm
from harness.lab.alarms.alarm_rule import Condition, States, alarm_name, parse_rule
from harness.lab.alarms.evaluate import AlarmState


@dataclass(frozen=True, slots=True)
class CompositeAlarm:
    """
    A rule over other alarms.

    Attributes:
        children: Names of the alarms that the rule reads.
        wait, extension: ``ActionsSuppressorWaitPeriod`` and ``ActionsSuppressorExtensionPeriod`` [s].
    """

    name: str
    rule: str
    condition: Condition
    children: tuple[str, ...]
    suppressor: str | None = None
    wait: float = 0.0
    extension: float = 0.0
    place: Place | None = None

    @classmethod
    def from_properties(cls, properties: Properties, *, place: Place | None = None) -> "CompositeAlarm":
        """Read ``AWS::CloudWatch::CompositeAlarm`` properties or an entry of ``DescribeAlarms``."""
        name = str(properties["AlarmName"])
        rule = str(properties.get("AlarmRule") or "")
        try:
            condition, children = parse_rule(rule)
            wait, extension = _suppressor_periods(properties)
        except ValueError as error:
            raise ValueError(f"composite alarm {name}: {error}") from None
        given = properties.get("ActionsSuppressor")
        suppressor = alarm_name(str(given)) if given else None
        return cls(name, rule, condition, children, suppressor, wait, extension, place)

    @property
    def watched(self) -> tuple[str, ...]:
        """Names of the alarms that its state or its actions depend on."""
        return self.children if self.suppressor is None else (*self.children, self.suppressor)


AnyAlarm = Alarm | CompositeAlarm | UnevaluatedAlarm


@dataclass(frozen=True, slots=True)
class CompositeChange:
    """
    A composite alarm changed its state.

    Attributes:
        acted_at: Time its actions ran [s]; None if they were suppressed or the next change came first.
    """

    at: float
    state: AlarmState
    acted_at: float | None


def evaluate_composite(
    alarm: CompositeAlarm, transitions: Sequence[tuple[float, str, AlarmState]], *, start: float, end: float
) -> list[CompositeChange]:
    """
    Return the state changes of a composite alarm, given those of the alarms it watches.

    Args:
        transitions: (at [s], alarm name, new state), ascending; all alarms begin in INSUFFICIENT_DATA.
        start: Time of its first evaluation [s]; every watched alarm has been evaluated by then.
    """
    changes: dict[float, dict[str, AlarmState]] = {start: {}}
    for at, name, state in transitions:
        changes.setdefault(max(at, start), {})[name] = state
    evaluation = CompositeEvaluation(alarm)
    for at, changed in changes.items():
        evaluation.evaluate(at, changed)
    evaluation.evaluate(end, {})
    return evaluation.changes


class CompositeEvaluation:
    """The evaluation of one composite alarm over time."""

    def __init__(self, alarm: CompositeAlarm) -> None:
        self.alarm = alarm
        self.state = AlarmState.INSUFFICIENT_DATA
        self._states = dict.fromkeys(alarm.watched, AlarmState.INSUFFICIENT_DATA)
        self._suppression = _Suppression(alarm.wait, alarm.extension)
        self.changes = self._suppression.changes

    def update(self, changed: States) -> None:
        """Store the new states of watched alarms; other alarms are ignored."""
        self._states.update({name: state for name, state in changed.items() if name in self._states})

    def evaluate(self, at: float, changed: States) -> None:
        """Store the new states and evaluate the rule at *at* [s], which never decreases."""
        self._suppression.run_until(at)
        self.update(changed)
        if self.alarm.suppressor is not None:
            self._suppression.set_suppressor(self._states[self.alarm.suppressor], at)
        state = AlarmState.ALARM if self.alarm.condition(self._states) else AlarmState.OK
        if state is not self.state:
            self._suppression.add_change(state, at)
            self.state = state


class _Suppression:
    """
    The times at which the actions of a composite alarm run.

    After a change, the actions wait *wait* for the suppressor to go into ALARM. When the suppressor leaves
    ALARM, suppressed actions wait *extension*. A change of either alarm cancels a waiting period; at the end
    of a period the actions of the current state run.

    Source: CloudWatch user guide, "Composite alarm action suppression", examples 1 to 6.
    """

    def __init__(self, wait: float, extension: float) -> None:
        self.changes: list[CompositeChange] = []
        self._wait = wait
        self._extension = extension
        self._suppressing = False
        self._acts_at = math.inf

    def run_until(self, at: float) -> None:
        """Run the waiting actions that are due by *at* [s]."""
        if self._acts_at <= at:
            self.changes[-1] = replace(self.changes[-1], acted_at=self._acts_at)
            self._acts_at = math.inf

    def set_suppressor(self, state: AlarmState, at: float) -> None:
        before, self._suppressing = self._suppressing, state is AlarmState.ALARM
        if self._suppressing:
            self._acts_at = math.inf
        elif before and self.changes and self.changes[-1].acted_at is None:
            self._acts_at = at + self._extension
            self.run_until(at)

    def add_change(self, state: AlarmState, at: float) -> None:
        self.changes.append(CompositeChange(at, state, acted_at=None))
        self._acts_at = math.inf if self._suppressing else at + self._wait
        self.run_until(at)


def in_order(alarms: Iterable[AnyAlarm]) -> list[AnyAlarm]:
    """
    Return the alarms so that each composite alarm comes after those it watches, and the others come first.

    Raises:
        ValueError: A composite alarm watches an alarm that does not exist, or watches itself in a cycle.
    """
    alarms = list(alarms)
    waiting = [one for one in alarms if isinstance(one, CompositeAlarm)]
    ordered: list[AnyAlarm] = [one for one in alarms if not isinstance(one, CompositeAlarm)]
    existing, known = {one.name for one in alarms}, {one.name for one in ordered}
    for one in waiting:
        unknown = [name for name in one.watched if name not in existing]
        if unknown:
            raise ValueError(f"composite alarm {one.name}: there is no alarm {unknown[0]!r}")
    while waiting:
        ready = [one for one in waiting if known.issuperset(one.watched)]
        if not ready:
            names = ", ".join(sorted(one.name for one in waiting))
            raise ValueError(f"composite alarms watch each other in a cycle: {names}")
        ordered += ready
        known |= {one.name for one in ready}
        waiting = [one for one in waiting if one not in ready]
    return ordered


def _suppressor_periods(properties: Properties) -> tuple[float, float]:
    """Return the wait and extension period [s]; both are 0 without a suppressor."""
    if not properties.get("ActionsSuppressor"):
        return 0.0, 0.0
    names = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    for name in names:
        if not re.fullmatch(r"\d+(\.0+)?", str(properties.get(name))):
            raise ValueError(f"{name} must be whole seconds for a suppressor, not {properties.get(name)!r}")
    wait, extension = (float(str(properties[name])) for name in names)
    return wait, extension
