"""
Metric math of alarms: ``+ - * /``, numbers, ids, ``SUM(METRICS())`` and ``FILL``.

If a period has data of at least one metric, a missing operand counts as 0; otherwise the result is missing.
A division by zero gives no datapoint. Other functions are not supported and are an error.

Source: CloudWatch user guide, "Using metric math".
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Operands = Mapping[str, float | None]

Formula = Callable[[Operands, float | None], float | None]
"""A compiled expression; the second argument is the value of a missing operand."""

_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """
    A compiled expression over the metrics of one period.

    Attributes:
        ids: Ids of the metrics that it reads.
    """

    text: str
    formula: Formula
    ids: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, ids: Sequence[str], others: Mapping[str, str] | None = None) -> "Expression":
        """
        Read metric math.

        Args:
            ids: Ids of the metrics that the expression may read.
            others: Other expressions that it may read, by id.
        """
        compiler = _Compiler(text, ids, others or {})
        formula = compiler.formula(_parsed(text))
        return cls(text, formula, tuple(name for name in ids if name in compiler.read))

    def value(self, operands: Operands) -> float | None:
        """Return the datapoint of one period, or None if it is missing."""
        present = any(operands[key] is not None for key in self.ids)
        value = self.formula(operands, 0.0 if present else None)
        return value if value is not None and math.isfinite(value) else None


def _parsed(text: str) -> ast.expr:
    if re.match(r"\s*(SELECT|SEARCH)\b", text):
        raise ValueError(f"metric math {text!r} is a metrics query; SELECT and SEARCH are not supported")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError):
        raise ValueError(f"metric math {text!r} cannot be read") from None


@dataclass(frozen=True, slots=True)
class _Compiler:
    text: str
    ids: Sequence[str]
    others: Mapping[str, str]
    read: set[str] = field(default_factory=set)

    def formula(self, node: ast.expr, depth: int = 0) -> Formula:
        """Compile a node; *depth* counts the other expressions that contain it."""
        match node:
            case ast.Name(name):
                return self._name(name, depth)
            case ast.UnaryOp(ast.USub(), operand):
                return _binary(operator.mul, lambda *_: -1.0, self.formula(operand, depth))
            case ast.BinOp(left, operation, right) if type(operation) in _OPERATORS:
                compute = _OPERATORS[type(operation)]
                return _binary(compute, self.formula(left, depth), self.formula(right, depth))
            case ast.Call(ast.Name("FILL"), [operand, ast.Constant() as constant]):
                return _filled(self.formula(operand, depth), self.formula(constant))
            case ast.Call() if ast.unparse(node) == "SUM(METRICS())":
                self.read.update(self.ids)
                return _sum
            case ast.Constant(int() | float() as number) if not isinstance(number, bool):
                return lambda *_: float(number)
        raise ValueError(f"metric math {self.text!r} uses {ast.unparse(node)!r}, which is not supported")

    def _name(self, name: str, depth: int) -> Formula:
        if name in self.others:
            if depth == len(self.others):
                raise ValueError("metric math refers to itself")
            return self.formula(_parsed(self.others[name]), depth + 1)
        if name not in self.ids:
            raise ValueError(f"metric math {self.text!r} reads {name!r}, which is not an id of Metrics")
        self.read.add(name)
        return lambda operands, missing: missing if operands[name] is None else operands[name]


def _binary(compute: Callable[[float, float], float], left: Formula, right: Formula) -> Formula:
    def computed(operands: Operands, missing: float | None) -> float | None:
        first, second = left(operands, missing), right(operands, missing)
        if first is None or second is None or (compute is operator.truediv and not second):
            return None
        return compute(first, second)

    return computed


def _filled(operand: Formula, constant: Formula) -> Formula:
    def filled(operands: Operands, _: float | None) -> float | None:
        value = operand(operands, None)
        return constant(operands, None) if value is None else value

    return filled


def _sum(operands: Operands, _: float | None) -> float | None:
    present = [value for value in operands.values() if value is not None]
    return sum(present) if present else None
