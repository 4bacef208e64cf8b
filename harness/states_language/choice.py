"""The rules of a Choice state: read from JSON, and compiled to functions of the data."""

import fnmatch
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from harness.states_language.json_node import UNSUPPORTED, Json, JsonNode, is_number
from harness.states_language.paths import Context, PathNotFound, Reader
from harness.states_language.payload_template import compile_expression

Test: TypeAlias = Callable[[Any, Context], bool]
"""Returns whether a condition holds for the data."""

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_VALUES = {f"{type_}{order}" for type_ in ("String", "Numeric", "Timestamp") for order in _ORDERS}
_VALUES |= {"BooleanEquals"}
_TYPE_TESTS = {"IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"}
_COMBINATIONS = {"And", "Or", "Not"}
_OPERATORS = _VALUES | {f"{name}Path" for name in _VALUES} | _TYPE_TESTS | {"StringMatches"} | _COMBINATIONS
_COMPARISON = re.compile(r"(String|Numeric|Timestamp|Boolean)(\w+)")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChoiceComparison:
    """
    ``Variable`` compared with a literal, or with the value at a path.

    Attributes:
        operator: As in ASL without the suffix ``Path``, e.g. ``NumericLessThan``, ``IsPresent``.
    """

    variable: str
    operator: str
    operand: Json
    operand_is_path: bool = False


@dataclass(frozen=True, slots=True)
class And:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Or:
    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    condition: "Condition"


Condition: TypeAlias = ChoiceComparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class ChoiceRule:
    """One entry of ``Choices``: the state to go to if the condition holds."""

    condition: Condition
    next: str


def read_choice_rule(node: JsonNode) -> ChoiceRule:
    """Read one entry of ``Choices``."""
    node.allow(_OPERATORS | {"Variable", "Next", "Comment"})
    return ChoiceRule(_read_condition(node), node.require("Next").text())


def read_timestamp(node: JsonNode) -> datetime:
    """Return an RFC 3339 timestamp with its offset, as ASL demands (``2026-03-14T01:59:00Z``)."""
    if (found := instant(node.text())) is None:
        raise node.wrong(f"must be an RFC 3339 timestamp with T and an offset, not {node.text()!r}")
    return found


def instant(value: Any) -> datetime | None:
    """Return the time of an RFC 3339 timestamp with ``T`` and ``Z`` or an offset; None for other values."""
    if not isinstance(value, str) or not _TIMESTAMP.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def compile_condition(condition: Condition, place: str) -> Test:
    """
    Return a function that tests a condition.

    The function raises `PathNotFound` where a variable is missing, as AWS does, except for ``IsPresent``.
    A path that is not supported is a ValueError; its message begins with *place*.
    """
    match condition:
        case And(conditions):
            tests = [compile_condition(each, place) for each in conditions]
            return lambda data, context: all(test(data, context) for test in tests)
        case Or(conditions):
            tests = [compile_condition(each, place) for each in conditions]
            return lambda data, context: any(test(data, context) for test in tests)
        case Not(inner):
            test = compile_condition(inner, place)
            return lambda data, context: not test(data, context)
        case ChoiceComparison():
            return _compile_comparison(condition, place)


def _read_condition(node: JsonNode) -> Condition:
    fields = node.fields()
    given = [key for key in fields if key in _OPERATORS]
    if len(given) != 1:
        raise node.wrong(f"needs exactly one operator, not {', '.join(given) or 'none'}")
    name = given[0]
    if name in _COMBINATIONS and "Variable" in fields:
        raise node.wrong(f"Variable cannot be combined with {name}")
    match name:
        case "And":
            return And(tuple(map(_read_nested, fields["And"].items())))
        case "Or":
            return Or(tuple(map(_read_nested, fields["Or"].items())))
        case "Not":
            return Not(_read_nested(fields["Not"]))
        case _:
            return _read_comparison(node.require("Variable").json_path(), name, fields[name])


def _read_nested(node: JsonNode) -> Condition:
    node.allow(
        _OPERATORS | {"Variable", "Comment"},
        {**UNSUPPORTED, "Next": "only the outermost rule may have Next"},
    )
    return _read_condition(node)


def _read_comparison(variable: str, name: str, operand: JsonNode) -> ChoiceComparison:
    if name.endswith("Path"):
        return ChoiceComparison(
            variable, name.removesuffix("Path"), operand.json_path(), operand_is_path=True
        )
    if name in _TYPE_TESTS or name == "BooleanEquals":
        return ChoiceComparison(variable, name, operand.boolean())
    if name.startswith("Numeric"):
        return ChoiceComparison(variable, name, operand.number(low=float("-inf")))
    if name.startswith("Timestamp"):
        read_timestamp(operand)
    return ChoiceComparison(variable, name, operand.text())


def _compile_comparison(rule: ChoiceComparison, place: str) -> Test:
    variable = compile_expression(rule.variable, f"{place}.Variable")
    if rule.operator == "IsPresent":
        return _compile_presence(variable, bool(rule.operand))
    if rule.operator in _TYPE_TESTS:
        is_of_type, expected = _IS_OF_TYPE[rule.operator], bool(rule.operand)
        return lambda data, context: is_of_type(variable(data, context)) is expected
    if rule.operator == "StringMatches":
        return _compile_pattern(variable, str(rule.operand), f"{place}.StringMatches")
    match = _COMPARISON.fullmatch(rule.operator)
    assert match is not None  # noqa: S101 - the reader accepts no other operators
    typed, ordered = _TYPED[match[1]], _ORDERS[match[2]]

    def holds(left: Any, right: Any) -> bool:
        # A value of another type is not an error: the condition does not hold.
        return left is not None and right is not None and ordered(left, right)

    if rule.operand_is_path:
        other = compile_expression(str(rule.operand), f"{place}.{rule.operator}Path")
        return lambda data, context: holds(typed(variable(data, context)), typed(other(data, context)))
    literal = typed(rule.operand)
    return lambda data, context: holds(typed(variable(data, context)), literal)


def _compile_presence(variable: Reader, expected: bool) -> Test:
    def present(data: Any, context: Context) -> bool:
        try:
            variable(data, context)
        except PathNotFound:
            return not expected
        return expected

    return present


def _compile_pattern(variable: Reader, pattern: str, place: str) -> Test:
    r"""Return a test for a pattern: ``*`` matches any text, ``\*`` matches ``*`` and ``\\`` matches ``\``."""
    texts_and_marks = re.split(r"(\\[*\\]|\*)", pattern)
    # AWS fails on any other use of a backslash.
    if any("\\" in text for text in texts_and_marks[::2]):
        raise ValueError(f"{place}: a backslash may stand before * or \\ only, not in {pattern!r}")
    glob = "".join(part if part == "*" else _escaped(part) for part in texts_and_marks)
    # Its regular expression does not backtrack from one star to another.
    matches = re.compile(fnmatch.translate(glob)).match

    def holds(data: Any, context: Context) -> bool:
        value = variable(data, context)
        return isinstance(value, str) and matches(value) is not None

    return holds


def _escaped(part: str) -> str:
    """Return the glob that matches a literal text, or the character of an escape."""
    return re.sub(r"[*?\[]", r"[\g<0>]", part.removeprefix("\\"))


_TYPED: Mapping[str, Callable[[Any], Any]] = {
    "String": lambda value: value if isinstance(value, str) else None,
    "Numeric": lambda value: value if is_number(value) else None,
    "Timestamp": instant,
    "Boolean": lambda value: value if isinstance(value, bool) else None,
}
_IS_OF_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: instant(value) is not None,
}
