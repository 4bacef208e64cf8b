"""
The rule of a composite alarm: a condition over the states of other alarms.

The grammar::

    rule     := term (OR term)*
    term     := factor (AND factor)*
    factor   := NOT factor | ( rule ) | TRUE | FALSE | state | at_least
    state    := (ALARM | OK | INSUFFICIENT_DATA) ( alarm name or ARN )
    at_least := AT_LEAST ( count or percent% , [NOT] STATE , ( alarm, alarm, … ) )

Source: CloudWatch API reference, ``PutCompositeAlarm``; user guide, "Combining alarms".
"""

import math
import re
from collections.abc import Callable, Mapping

from harness.lab.alarms.evaluate import AlarmState

States = Mapping[str, AlarmState]
"""The state of every child alarm, by name."""

Condition = Callable[[States], bool]

_TOKEN = re.compile(r"\s*(?:(\()|(\))|(,)|\"([^\"]*)\"|'([^']*)'|([^\s(),\"']+))")
CHILDREN_MAX = 100
LENGTH_MAX = 10_240


def parse_rule(text: str) -> tuple[Condition, tuple[str, ...]]:
    """Return the condition of an alarm rule, and the names of the alarms that it reads."""
    if len(text) > LENGTH_MAX:
        raise ValueError(f"the rule is {len(text)} characters long; {LENGTH_MAX} are allowed")
    parser = _Parser(_tokens(text))
    try:
        condition = parser.rule()
    except RecursionError:
        raise ValueError("the rule is nested too deeply") from None
    if parser.peek() is not None:
        raise ValueError(f"the rule has unexpected text at its end: {parser.peek()!r}")
    children = tuple(dict.fromkeys(parser.children))
    if len(children) > CHILDREN_MAX:
        raise ValueError(f"the rule reads {len(children)} alarms; {CHILDREN_MAX} are allowed")
    return condition, children


def alarm_name(name_or_arn: str) -> str:
    """Return the name of an alarm that a rule gives by name or by ARN."""
    return name_or_arn.partition(":alarm:")[2] if name_or_arn.startswith("arn:") else name_or_arn


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
    """A recursive-descent parser; each method reads the part of the grammar that it is named after."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.position = 0
        self.children: list[str] = []

    def peek(self) -> str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        if token is None or (wanted is not None and token != wanted):
            raise ValueError(
                f"the rule has {'its end' if token is None else repr(token)} "
                f"where {'more text' if wanted is None else repr(wanted)} is expected"
            )
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
        name = alarm_name(self.take())
        self.children.append(name)
        return name


def _least(amount: str, children: int) -> int:
    is_percentage = amount.endswith("%")
    try:
        number = float(amount.rstrip("%"))
    except ValueError:
        number = -1.0
    most = 100 if is_percentage else children
    if not 0 < number <= most or not (is_percentage or number.is_integer()):
        raise ValueError(f"AT_LEAST needs a count up to {children} or a percentage, not {amount!r}")
    return math.ceil(children * number / 100) if is_percentage else int(number)


def _alarm_state(token: str) -> AlarmState:
    try:
        return AlarmState(token)
    except ValueError:
        raise ValueError(f"the rule has {token!r} where an alarm state is expected") from None
