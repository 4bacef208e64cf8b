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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
        except ValueError as error:
            raise ValueError(f"composite alarm {name}: {error}") from None
        suppressor = properties.get("ActionsSuppressor")
        return cls(
            name=name,
            rule=text,
            condition=condition,
            children=children,
            suppressor=_bare(str(suppressor)) if suppressor else None,
            wait=float(str(properties.get("ActionsSuppressorWaitPeriod") or 0)),
            extension=float(str(properties.get("ActionsSuppressorExtensionPeriod") or 0)),
            place=place,
        )

    def state(self, states: States) -> AlarmState:
        """
        Raises:
            ValueError: A child has no state.
        """
        unknown = [child for child in self.children if child not in states]
        if unknown:
            raise ValueError(f"composite alarm {self.name}: there is no alarm {unknown[0]!r}")
        return AlarmState.ALARM if self.condition(states) else AlarmState.OK


@dataclass(frozen=True, slots=True)
class Change:
    """A composite alarm changing state; ``acted`` tells whether its actions ran or were suppressed."""

    at: float
    state: AlarmState
    acted: bool = True


def play(
    alarm: CompositeAlarm, transitions: Sequence[tuple[float, str, AlarmState]], *, start: float, end: float
) -> list[Change]:
    """
    Return a composite's transitions, given its children's.

    Args:
        transitions: (at [s], child name, new state), ascending; children begin in INSUFFICIENT_DATA.
        start, end: The interval judged [s].

    A change made while the suppressor is in ALARM (or less than ``extension`` after it was) does not act. One
    made while it is not waits ``wait`` for it to go into ALARM, and acts if it does not.
    """
    states = dict.fromkeys({*alarm.children, *filter(None, [alarm.suppressor])}, AlarmState.INSUFFICIENT_DATA)
    current = AlarmState.INSUFFICIENT_DATA
    changes: list[Change] = []
    moments = [(start, "", AlarmState.INSUFFICIENT_DATA), *transitions]
    for index, (at, child, new) in enumerate(moments):
        if child:
            states[child] = new
        if index + 1 < len(moments) and moments[index + 1][0] == at:
            continue
        state = alarm.state(states)
        if state is not current:
            changes.append(Change(at, state, acted=not _suppressed(alarm, transitions, at, end)))
            current = state
    return changes


def _suppressed(
    alarm: CompositeAlarm, transitions: Sequence[tuple[float, str, AlarmState]], at: float, end: float
) -> bool:
    if alarm.suppressor is None:
        return False
    spans: list[tuple[float, float]] = []
    since: float | None = None
    for moment, child, new in transitions:
        if child != alarm.suppressor:
            continue
        if new is AlarmState.ALARM and since is None:
            since = moment
        elif new is not AlarmState.ALARM and since is not None:
            spans.append((since, moment + alarm.extension))
            since = None
    if since is not None:
        spans.append((since, math.inf))
    return any(begin - alarm.wait <= at < finish for begin, finish in spans if begin <= end)


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
    condition = parser.rule()
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
