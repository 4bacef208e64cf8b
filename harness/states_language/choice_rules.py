"""
The rules of Choice states, compiled to functions of the data.
"""

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from harness.states_language.choice import And, ChoiceComparison, Not, Or, Rule, instant
from harness.states_language.paths import Context, PathNotFound, Reader
from harness.states_language.payload_template import compile_expression

Test = Callable[[Any, Context], bool]

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_KIND = re.compile(r"(String|Numeric|Timestamp|Boolean)(\w+)")


def compile_rule(rule: Rule, place: str) -> Test:
    """
    Return a function that tells whether a rule holds.

    It raises `PathNotFound` where a variable is missing, as AWS does, except for ``IsPresent``.

    Raises:
        ValueError: A path in it is not supported; the message begins with *place*.
    """
    match rule:
        case And(rules):
            tests = [compile_rule(each, place) for each in rules]
            return lambda data, context: all(test(data, context) for test in tests)
        case Or(rules):
            tests = [compile_rule(each, place) for each in rules]
            return lambda data, context: any(test(data, context) for test in tests)
        case Not(inner):
            test = compile_rule(inner, place)
            return lambda data, context: not test(data, context)
        case ChoiceComparison():
            return _comparison(rule, place)


def _comparison(rule: ChoiceComparison, place: str) -> Test:
    variable = compile_expression(rule.variable, f"{place}.Variable")
    if rule.operator.startswith("Is"):
        return _is(rule.operator, variable, bool(rule.operand))
    if rule.operator == "StringMatches":
        return _like(variable, str(rule.operand), f"{place}.StringMatches")
    match = _KIND.fullmatch(rule.operator)
    assert match is not None  # noqa: S101 - the blueprint knows no other operators
    typed, ordered = _TYPED[match[1]], _ORDERS[match[2]]
    if rule.operand_is_path:
        path = compile_expression(str(rule.operand), f"{place}.{rule.operator}Path")
        other: Reader = lambda data, context: typed(path(data, context))  # noqa: E731 - as the one below
    else:
        literal = typed(rule.operand)
        other = lambda _data, _context: literal  # noqa: E731 - a reader like the others

    def holds(data: Any, context: Context) -> bool:
        left, right = typed(variable(data, context)), other(data, context)
        # Values of another type are no error: the rule does not hold.
        return left is not None and right is not None and ordered(left, right)

    return holds


def _is(test: str, variable: Reader, expected: bool) -> Test:
    if test == "IsPresent":

        def present(data: Any, context: Context) -> bool:
            try:
                variable(data, context)
            except PathNotFound:
                return not expected
            return expected

        return present
    check = _IS[test]
    return lambda data, context: check(variable(data, context)) is expected


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _instant(value: Any) -> datetime | None:
    return instant(value) if isinstance(value, str) else None


_TYPED: Mapping[str, Callable[[Any], Any]] = {
    "String": lambda value: value if isinstance(value, str) else None,
    "Numeric": _number,
    "Timestamp": _instant,
    "Boolean": lambda value: value if isinstance(value, bool) else None,
}
_IS: Mapping[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": lambda value: _number(value) is not None,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: _instant(value) is not None,
}


def _like(variable: Reader, pattern: str, place: str) -> Test:
    r"""
    Return a test for a pattern in which ``*`` stands for anything, ``\*`` for itself and ``\\`` for ``\``.

    Raises:
        ValueError: Another character stands after a backslash; AWS fails on it.
    """
    texts_and_marks = re.split(r"(\\[*\\]|\*)", pattern)
    if any("\\" in text for text in texts_and_marks[::2]):
        raise ValueError(f"{place}: a backslash stands before * or \\ only, not in {pattern!r}")
    glob = "".join(part if part == "*" else _literally(part) for part in texts_and_marks)
    matches = re.compile(fnmatch.translate(glob)).match

    def holds(data: Any, context: Context) -> bool:
        value = variable(data, context)
        return isinstance(value, str) and matches(value) is not None

    return holds


def _literally(part: str) -> str:
    """Return the glob for a text or an escape."""
    return re.sub(r"[*?\[]", r"[\g<0>]", part.removeprefix("\\"))
