"""
Mutants of a module: another comparison, number, operator, condition or returned value.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

SWAPS: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Div],
    ast.Mod: [ast.Mult],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed node of a module; *lines* are those of the statement that contains it."""

    path: Path
    number: int
    variant: int
    line: int
    lines: range
    what: str

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}  {self.what}"

    def module(self) -> ast.Module:
        """Return the changed module."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        target = list(_nodes(tree))[self.number][0]
        new = _changes(target)[self.variant][1]

        class Put(ast.NodeTransformer):
            def visit(self, node: ast.AST) -> ast.AST:
                return ast.copy_location(new, node) if node is target else super().visit(node)

        return ast.fix_missing_locations(Put().visit(tree))

    def code(self) -> CodeType:
        """Return the changed module, compiled."""
        return compile(self.module(), str(self.path), "exec")


def mutants_of(path: Path) -> list[Mutant]:
    """Return every mutant of a module."""
    return [
        Mutant(path, number, variant, getattr(node, "lineno", 0), lines, what)
        for number, (node, lines) in enumerate(_nodes(ast.parse(path.read_text(encoding="utf-8"))))
        for variant, (what, _) in enumerate(_changes(node))
    ]


def functions_of(module: CodeType) -> list[CodeType]:
    """Return the code of a module's functions and methods in the order of the file, without inner ones."""
    found: list[CodeType] = []
    for constant in module.co_consts:
        if isinstance(constant, CodeType):
            is_class = not constant.co_flags & 0x1  # CO_OPTIMIZED: functions have it, class bodies have not
            found += functions_of(constant) if is_class else [constant]
    return found


def _changes(node: ast.AST) -> list[tuple[str, ast.AST]]:
    """Return the possible changes of a node, each with a description."""
    found: list[tuple[str, ast.AST]] = []
    new: ast.AST
    if isinstance(node, ast.Compare | ast.BinOp | ast.BoolOp):
        operator = node.ops[0] if isinstance(node, ast.Compare) else node.op
        for other in SWAPS.get(type(operator), []):
            new = copy.deepcopy(node)
            if isinstance(new, ast.Compare):
                new.ops[0] = other()
            else:
                new.op = other()
            found.append((f"{ast.unparse(node)}  ->  {ast.unparse(new)}", new))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        found.append((f"{ast.unparse(node)}  ->  {ast.unparse(node.operand)}", node.operand))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        value = not node.value if isinstance(node.value, bool) else node.value + 1
        found.append((f"{node.value}  ->  {value}", ast.Constant(value)))
    elif isinstance(node, ast.Return) and not (node.value is None or ast.unparse(node.value) == "None"):
        found.append((f"{ast.unparse(node)}  ->  return None", ast.Return(ast.Constant(None))))
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(
        node.test, ast.Compare | ast.UnaryOp | ast.BoolOp
    ):
        new = copy.deepcopy(node)
        new.test = ast.UnaryOp(ast.Not(), new.test)
        found.append((f"if {ast.unparse(node.test)}  ->  if not …", new))
    return found


def _nodes(tree: ast.AST, lines: range = range(0)) -> Iterator[tuple[ast.AST, range]]:
    """
    Yield the executable nodes and the lines of their statements, in a fixed order.

    Annotations, decorators and imports for the type checker are left out.
    """
    for name, field in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in field if isinstance(field, list) else [field]:
            if not isinstance(child, ast.AST):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            own = _lines(child) or lines
            yield child, own
            yield from _nodes(child, own)


def _lines(node: ast.AST) -> range | None:
    """Return the lines of a statement, of a compound statement without its body."""
    if not isinstance(node, ast.stmt):
        return None
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if body and body[0].lineno > node.lineno else node.end_lineno or node.lineno
    return range(node.lineno, last + 1)
