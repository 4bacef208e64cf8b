"""
The rules of a Choice state: comparisons, joined by And, Or and Not.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import TypeAlias

from harness.states_language.json_node import Json, JsonNode

_ORDERS = ("Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals")
_VALUES = {f"{kind}{order}" for kind, order in product(("String", "Numeric", "Timestamp"), _ORDERS)} | {
    "BooleanEquals"
}
_TESTS = {"IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"}
OPERATORS = frozenset(_VALUES | {f"{name}Path" for name in _VALUES} | _TESTS | {"StringMatches"})
_COMBINED = frozenset({"And", "Or", "Not"})
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class ChoiceComparison:
    """
    ``Variable`` compared with a value.

    Attributes:
        operator: As in ASL without the suffix ``Path``, e.g. ``NumericLessThan``, ``IsPresent``.
        operand: The literal to compare with; the JSONPath to it where ``operand_is_path``.
    """

    variable: str
    operator: str
    operand: Json
    operand_is_path: bool = False


@dataclass(frozen=True, slots=True)
class And:
    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Or:
    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    rule: "Rule"


Rule: TypeAlias = ChoiceComparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class Branching:
    """One entry of ``Choices``: where to go when the rule holds."""

    rule: Rule
    next: str


def read_branching(node: JsonNode, unsupported: dict[str, str]) -> Branching:
    """
    Read one entry of ``Choices``.

    Raises:
        ValueError: It is not one; the message begins with its JSON path.
    """
    node.allow(OPERATORS | _COMBINED | {"Variable", "Next", "Comment"}, unsupported)
    return Branching(rule=_read_rule(node, unsupported), next=node.require("Next").text())


def _read_rule(node: JsonNode, unsupported: dict[str, str]) -> Rule:
    fields = node.fields()
    given = [key for key in fields if key in OPERATORS or key in _COMBINED]
    if len(given) != 1:
        raise node.wrong(f"needs exactly one operator, not {', '.join(given) or 'none'}")
    operator = given[0]
    if operator in _COMBINED and "Variable" in fields:
        raise node.wrong(f"Variable does not go with {operator}")
    match operator:
        case "And":
            return And(tuple(_read_nested(item, unsupported) for item in fields["And"].items()))
        case "Or":
            return Or(tuple(_read_nested(item, unsupported) for item in fields["Or"].items()))
        case "Not":
            return Not(_read_nested(fields["Not"], unsupported))
        case _:
            return _read_comparison(node.require("Variable").json_path(), operator, fields[operator])


def _read_nested(node: JsonNode, unsupported: dict[str, str]) -> Rule:
    node.allow(
        OPERATORS | _COMBINED | {"Variable", "Comment"},
        unsupported | {"Next": "only the outermost rule may have Next"},
    )
    return _read_rule(node, unsupported)


def _read_comparison(variable: str, operator: str, operand: JsonNode) -> ChoiceComparison:
    if operator.endswith("Path"):
        return ChoiceComparison(
            variable, operator.removesuffix("Path"), operand.json_path(), operand_is_path=True
        )
    if operator in _TESTS or operator == "BooleanEquals":
        return ChoiceComparison(variable, operator, operand.boolean())
    if operator.startswith("Numeric"):
        return ChoiceComparison(variable, operator, operand.number(low=float("-inf")))
    if operator.startswith("Timestamp"):
        read_timestamp(operand)
    return ChoiceComparison(variable, operator, operand.text())


def read_timestamp(node: JsonNode) -> datetime:
    """
    Return an RFC 3339 instant with its offset, as ASL demands (``2026-03-14T01:59:00Z``).

    Raises:
        ValueError: It is not one.
    """
    if (found := instant(node.text())) is None:
        raise node.wrong(f"must be an RFC 3339 timestamp with T and an offset, not {node.text()!r}")
    return found


def instant(text: str) -> datetime | None:
    """Return what an RFC 3339 timestamp with ``T`` and ``Z`` or an offset names; None if it is none."""
    if not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
