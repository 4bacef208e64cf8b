"""
Metric math of alarms: ``+ - * /``, numbers, ids, ``SUM(METRICS())`` and ``FILL``.

If a period has data of at least one metric, a missing operand counts as 0; otherwise the result is missing.
A division by zero gives no datapoint. Other functions are not supported and are an error.

Source: CloudWatch user guide, "Using metric math".
"""

import ast
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Operands = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression over the metrics of one period."""

    text: str
    tree: ast.expr
    ids: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, ids: Sequence[str], others: Mapping[str, str] | None = None) -> "Expression":
        """
        Read metric math.

        Args:
            ids: Ids of the metrics that the expression may read.
            others: Other expressions that it may read, by id.

        Raises:
            ValueError: The expression uses a feature that is not supported; the message names it.
        """
        tree = _inlined(_parsed(text), others or {}, depth=0)
        _check(tree, set(ids), text)
        return cls(text, tree, tuple(ids))

    def value(self, operands: Operands) -> float | None:
        """Return the datapoint of one period, or None if it is missing."""
        present = any(operands[key] is not None for key in self.ids)
        value = _value(self.tree, operands, 0.0 if present else None)
        return value if value is not None and math.isfinite(value) else None


def _parsed(text: str) -> ast.expr:
    if re.match(r"\s*(SELECT|SEARCH)\b", text):
        raise ValueError(f"metric math {text!r} is a metrics query; SELECT and SEARCH are not supported")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError):
        raise ValueError(f"metric math {text!r} cannot be read") from None


def _inlined(node: ast.expr, others: Mapping[str, str], depth: int) -> ast.expr:
    if depth > len(others):
        raise ValueError("metric math refers to itself")
    if isinstance(node, ast.Name) and node.id in others:
        return _inlined(_parsed(others[node.id]), others, depth + 1)
    if isinstance(node, ast.BinOp):
        return ast.BinOp(_inlined(node.left, others, depth), node.op, _inlined(node.right, others, depth))
    if isinstance(node, ast.UnaryOp):
        return ast.UnaryOp(node.op, _inlined(node.operand, others, depth))
    if isinstance(node, ast.Call):
        return ast.Call(node.func, [_inlined(argument, others, depth) for argument in node.args], [])
    return node


def _check(node: ast.expr, ids: set[str], text: str) -> None:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
        _check(node.left, ids, text)
        _check(node.right, ids, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check(node.operand, ids, text)
    elif _is_number(node) or _call(node) == "SUM(METRICS())":
        return
    elif (
        isinstance(node, ast.Call)
        and _call(node) == "FILL"
        and len(node.args) == 2
        and _is_number(node.args[1])
    ):
        _check(node.args[0], ids, text)
    elif isinstance(node, ast.Name):
        if node.id not in ids:
            raise ValueError(f"metric math {text!r} reads {node.id!r}, which is not an id of Metrics")
    else:
        raise ValueError(f"metric math {text!r} uses {ast.unparse(node)!r}, which is not supported")


def _is_number(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    )


def _call(node: ast.expr) -> str | None:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    whole = ast.unparse(node)
    return whole if whole == "SUM(METRICS())" else node.func.id


def _value(node: ast.expr, operands: Operands, absent: float | None) -> float | None:
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]  # `_check` let only numbers through
    if isinstance(node, ast.Name):
        value = operands[node.id]
        return absent if value is None else value
    if isinstance(node, ast.UnaryOp):
        value = _value(node.operand, operands, absent)
        return None if value is None else -value
    if isinstance(node, ast.Call):
        return _called(node, operands)
    if isinstance(node, ast.BinOp):
        return _computed(node, _value(node.left, operands, absent), _value(node.right, operands, absent))
    raise TypeError(ast.dump(node))


def _called(node: ast.Call, operands: Operands) -> float | None:
    if _call(node) == "SUM(METRICS())":
        present = [value for value in operands.values() if value is not None]
        return sum(present) if present else None
    value = _value(node.args[0], operands, None)
    return _value(node.args[1], operands, None) if value is None else value


def _computed(node: ast.BinOp, left: float | None, right: float | None) -> float | None:
    if left is None or right is None:
        return None
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    return left / right if right else None
