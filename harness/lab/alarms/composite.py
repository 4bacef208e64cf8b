"""
Composite alarms: a rule over the states of other alarms, and a suppressor.

The rule's grammar::

    rule     := term (OR term)*
    term     := factor (AND factor)*
    factor   := NOT factor | ( rule ) | TRUE | FALSE | state | at_least
    state    := (ALARM | OK | INSUFFICIENT_DATA) ( alarm name or ARN )
    at_least := AT_LEAST ( count or percent% , [NOT] STATE , ( alarm, alarm, … ) )

Source: CloudWatch API reference, ``PutCompositeAlarm``; user guide, "Combining alarms".
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.lab.alarms.alarm import Place, Properties
from harness.lab.alarms.evaluate import AlarmState

States = Mapping[str, AlarmState]
"""The state of every child alarm, by name."""

Condition = Callable[[States], bool]

_TOKEN = re.compile(r"\s*(?:(\()|(\))|(,)|\"([^\"]*)\"|'([^']*)'|([^\s(),\"']+))")
CHILDREN = 100
LENGTH = 10_240


@dataclass(frozen=True, slots=True)
class CompositeAlarm:
    """
    A rule over other alarms; ``wait`` and ``extension`` belong to the suppressor [s].
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
    def from_properties(
        cls, properties: Properties, *, name: str = "", place: Place | None = None
    ) -> "CompositeAlarm":
        """
        Read ``AWS::CloudWatch::CompositeAlarm`` properties or an entry of ``DescribeAlarms``.

        Raises:
            ValueError: The rule cannot be read; the message says where.
        """
        name = str(properties.get("AlarmName") or name)
        text = str(properties.get("AlarmRule") or "")
        try:
            condition, children = parse_rule(text)
            wait, extension = _waits(properties)
        except ValueError as error:
            raise ValueError(f"composite alarm {name}: {error}") from None
        suppressor = properties.get("ActionsSuppressor")
        return cls(
            name=name,
            rule=text,
            condition=condition,
            children=children,
            suppressor=_bare(str(suppressor)) if suppressor else None,
            wait=wait,
            extension=extension,
            place=place,
        )

    @property
    def watched(self) -> tuple[str, ...]:
        """The alarms its state or its actions depend on."""
        return self.children if self.suppressor is None else (*self.children, self.suppressor)

    def state(self, states: States) -> AlarmState:
        """Return its state, given that of every child."""
        return AlarmState.ALARM if self.condition(states) else AlarmState.OK


@dataclass(frozen=True, slots=True)
class Change:
    """
    A composite alarm changing state.

    Attributes:
        acted_at: When its actions ran [s]; None if they were suppressed, or overtaken by the next change.
    """

    at: float
    state: AlarmState
    acted_at: float | None


def play(
    alarm: CompositeAlarm, transitions: Sequence[tuple[float, str, AlarmState]], *, start: float, end: float
) -> list[Change]:
    """
    Return a composite's transitions, given those of the alarms it watches.

    Args:
        transitions: (at [s], alarm name, new state), ascending; all begin in INSUFFICIENT_DATA.
        start: When it is first looked at, all it watches having been looked at by then [s].
        end: The end of the interval judged [s].
    """
    moves: dict[float, dict[str, AlarmState]] = {start: {}}
    for at, name, state in transitions:
        moves.setdefault(max(at, start), {})[name] = state
    player = CompositeAlarmState(alarm)
    for at, moved in moves.items():
        player.see(at, moved)
    player.see(end, {})
    return player.changes


class CompositeAlarmState:
    """
    A composite alarm as it goes.

    Attributes:
        state: Its state.
        changes: Its changes so far.
    """

    def __init__(self, alarm: CompositeAlarm) -> None:
        self.alarm = alarm
        self.state = AlarmState.INSUFFICIENT_DATA
        self._states = dict.fromkeys(alarm.watched, AlarmState.INSUFFICIENT_DATA)
        self._suppression = _Suppression(alarm.wait, alarm.extension)

    @property
    def changes(self) -> list[Change]:
        return self._suppression.changes

    def learn(self, moved: States) -> None:
        """Take note that these alarms, if it watches them, changed their states."""
        self._states.update({name: state for name, state in moved.items() if name in self._states})

    def see(self, at: float, moved: States) -> None:
        """Take note of these changes and act on them; *at* never goes back [s]."""
        self._suppression.run_until(at)
        self.learn(moved)
        if self.alarm.suppressor is not None:
            self._suppression.suppressor_is(self._states[self.alarm.suppressor], at)
        state = self.alarm.state(self._states)
        if state is not self.state:
            self._suppression.changed(state, at)
            self.state = state


class _Suppression:
    """
    When the actions of a composite alarm run.

    A change waits *wait* for the suppressor to go into ALARM; when that leaves ALARM, actions held back wait
    *extension*. A change of either alarm discards a period that runs; at its end the composite acts on the
    state it is in.

    Source: CloudWatch user guide, "Composite alarm action suppression", examples 1 to 6.
    """

    def __init__(self, wait: float, extension: float) -> None:
        self.changes: list[Change] = []
        self._wait = wait
        self._extension = extension
        self._suppressing = False
        self._acts_at = math.inf

    def run_until(self, at: float) -> None:
        if self._acts_at <= at:
            self.changes[-1] = replace(self.changes[-1], acted_at=self._acts_at)
            self._acts_at = math.inf

    def suppressor_is(self, state: AlarmState, at: float) -> None:
        before, self._suppressing = self._suppressing, state is AlarmState.ALARM
        if self._suppressing:
            self._acts_at = math.inf
        elif before and self.changes and self.changes[-1].acted_at is None:
            self._acts_at = at + self._extension
            self.run_until(at)

    def changed(self, state: AlarmState, at: float) -> None:
        self.changes.append(Change(at, state, acted_at=None))
        self._acts_at = math.inf if self._suppressing else at + self._wait
        self.run_until(at)


def in_order(composites: Iterable[CompositeAlarm], alarms: Iterable[str]) -> list[CompositeAlarm]:
    """
    Return composite alarms so that each comes after those it watches.

    Args:
        alarms: Names of the metric alarms there are.

    Raises:
        ValueError: One watches an alarm that does not exist, or itself in a circle.
    """
    waiting, known, ordered = list(composites), set(alarms), list[CompositeAlarm]()
    everyone = known | {one.name for one in waiting}
    for one in waiting:
        unknown = [name for name in one.watched if name not in everyone]
        if unknown:
            raise ValueError(f"composite alarm {one.name}: there is no alarm {unknown[0]!r}")
    while waiting:
        ready = [one for one in waiting if known.issuperset(one.watched)]
        if not ready:
            names = ", ".join(sorted(one.name for one in waiting))
            raise ValueError(f"composite alarms watch each other in a circle: {names}")
        ordered += ready
        known |= {one.name for one in ready}
        waiting = [one for one in waiting if one not in ready]
    return ordered


def _waits(properties: Properties) -> tuple[float, float]:
    names = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    given = [properties.get(name) for name in names]
    if not properties.get("ActionsSuppressor"):
        return 0.0, 0.0
    for name, value in zip(names, given, strict=True):
        if not re.fullmatch(r"\d+(\.0+)?", str(value)):
            raise ValueError(f"a suppressor needs {name} in whole seconds, not {value!r}")
    return float(str(given[0])), float(str(given[1]))


def parse_rule(text: str) -> tuple[Condition, tuple[str, ...]]:
    """
    Read an alarm rule.

    Returns:
        The condition, and the names of the alarms it reads.

    Raises:
        ValueError: The rule breaks the grammar or a limit of CloudWatch.
    """
    if len(text) > LENGTH:
        raise ValueError(f"the rule is {len(text)} characters long; {LENGTH} are allowed")
    parser = _Parser(_tokens(text))
    try:
        condition = parser.rule()
    except RecursionError:
        raise ValueError("the rule is nested too deeply") from None
    if parser.peek() is not None:
        raise ValueError(f"the rule goes on after its end, at {parser.peek()!r}")
    children = tuple(dict.fromkeys(parser.children))
    if len(children) > CHILDREN:
        raise ValueError(f"the rule reads {len(children)} alarms; {CHILDREN} are allowed")
    return condition, children


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    while position < len(text.rstrip()):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"the rule cannot be read at {text[position:].strip()!r}")
        tokens.append(next(group for group in match.groups() if group is not None))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0
        self.children: list[str] = []

    def peek(self) -> str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if token is None or (wanted is not None and token != wanted):
            raise ValueError(f"the rule needs {wanted or 'more'} where it has {token or 'its end'}")
        self.position += 1
        return token

    def rule(self) -> Condition:
        terms = [self.term()]
        while self.peek() == "OR":
            self.take()
            terms.append(self.term())
        return terms[0] if len(terms) == 1 else lambda states: any(term(states) for term in terms)

    def term(self) -> Condition:
        factors = [self.factor()]
        while self.peek() == "AND":
            self.take()
            factors.append(self.factor())
        return factors[0] if len(factors) == 1 else lambda states: all(factor(states) for factor in factors)

    def factor(self) -> Condition:
        word = self.take()
        if word == "NOT":
            inner = self.factor()
            return lambda states: not inner(states)
        if word == "(":
            inner = self.rule()
            self.take(")")
            return inner
        if word in ("TRUE", "FALSE"):
            return lambda _: word == "TRUE"
        if word == "AT_LEAST":
            return self.at_least()
        wanted = _alarm_state(word)
        self.take("(")
        name = self.alarm()
        self.take(")")
        return lambda states: states[name] is wanted

    def at_least(self) -> Condition:
        self.take("(")
        amount = self.take()
        self.take(",")
        negated = self.peek() == "NOT"
        if negated:
            self.take()
        wanted = _alarm_state(self.take())
        self.take(",")
        self.take("(")
        names = [self.alarm()]
        while self.peek() == ",":
            self.take()
            names.append(self.alarm())
        self.take(")")
        self.take(")")
        least = _least(amount, len(names))
        return lambda states: sum((states[name] is wanted) != negated for name in names) >= least

    def alarm(self) -> str:
        name = _bare(self.take())
        self.children.append(name)
        return name


def _least(amount: str, children: int) -> int:
    percent = amount.endswith("%")
    try:
        number = float(amount.rstrip("%"))
    except ValueError:
        number = -1.0
    if (
        number <= 0
        or (not percent and (number != int(number) or number > children))
        or (percent and number > 100)
    ):
        raise ValueError(f"AT_LEAST takes a count up to {children} or a percentage, not {amount!r}")
    return math.ceil(children * number / 100) if percent else int(number)


def _alarm_state(token: str) -> AlarmState:
    try:
        return AlarmState(token)
    except ValueError:
        raise ValueError(f"the rule needs a state where it has {token!r}") from None


def _bare(name: str) -> str:
    return name.partition(":alarm:")[2] if name.startswith("arn:") else name
