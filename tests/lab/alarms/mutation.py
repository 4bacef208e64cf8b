"""
Break the judge on purpose, one small way at a time, and see whether its tests notice.

``make mutation``, or ``python tests/lab/alarms/mutation.py --sample 200 evaluate timeline``. A mutant is a
comparison, number, operator, condition or return value changed in memory; no file is touched. Each runs
the tests of the room in a forked process. Prints the survivors, and leaves with 3 below 90 %.
"""

import argparse
import ast
import copy
import importlib.machinery
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
ROOM = ROOT / "harness" / "lab" / "alarms"
TESTS = Path(__file__).parent
LEAST = 0.9
TIMEOUT_S = 120

NEAR = {
    "alarm": "timeline",
    "expression": "timeline",
    "reason": "timeline",
    "sensitivity": "gate",
    "measure": "gate",
    "events": "gate",
    "outputs": "gate",
    "verdict": "gate",
    "table": "gate",
    "recorded": "gate",
}
"""Modules whose tests are under another name."""

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
    """One change: the node with this number becomes another."""

    path: Path
    number: int
    variant: int
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}  {self.what}"


def changes(node: ast.AST) -> list[tuple[str, ast.AST]]:
    """Return what a node could become."""
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


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run, in a fixed order: no annotations, decorators or typing-only imports."""
    for name, field in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        for child in field if isinstance(field, list) else [field]:
            if not isinstance(child, ast.AST):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            yield child
            yield from nodes(child)


def mutants_of(path: Path) -> list[Mutant]:
    """Return every mutant of a module."""
    return [
        Mutant(path, number, variant, getattr(node, "lineno", 0), what)
        for number, node in enumerate(nodes(ast.parse(path.read_text(encoding="utf-8"))))
        for variant, (what, _) in enumerate(changes(node))
    ]


def mutated(mutant: Mutant) -> ast.Module:
    """Return the module with the change made."""
    tree = ast.parse(mutant.path.read_text(encoding="utf-8"))
    target = list(nodes(tree))[mutant.number]
    new = changes(target)[mutant.variant][1]

    class Put(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return ast.copy_location(new, node) if node is target else super().visit(node)

    return ast.fix_missing_locations(Put().visit(tree))


def survives(mutant: Mutant) -> bool:
    """Whether the tests pass with the change: first those of the module, because they know best."""
    near = TESTS / f"test_{NEAR.get(mutant.path.stem, mutant.path.stem)}.py"
    return (not near.exists() or passes(near, mutant)) and passes(TESTS, mutant)


def passes(tests: Path, mutant: Mutant | None) -> bool:
    """Whether these tests pass in a process of their own, with a change if there is one."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    signal.alarm(TIMEOUT_S)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 1
    try:
        if mutant is not None:
            _load_instead(mutant)
        import pytest

        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--no-header", str(tests)]))
    finally:
        os._exit(code)


def _load_instead(mutant: Mutant) -> None:
    loader = importlib.machinery.SourceFileLoader
    original = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> object:
        if Path(self.path) == mutant.path:
            return compile(mutated(mutant), self.path, "exec")
        return original(self, name)

    loader.get_code = get_code  # type: ignore[method-assign,assignment]


def _warm_up() -> None:
    """Import once what every test needs, but nothing of the room."""
    import hypothesis
    import pandas as pd
    import pyarrow.parquet
    import pytest
    import rich.table
    import scipy.special

    import harness.blueprint.template
    import harness.lab.results.writer

    hypothesis.settings.register_profile("mutation", max_examples=30, derandomize=True, database=None)
    hypothesis.settings.load_profile("mutation")
    loaded = (pd, pyarrow, pytest, rich, scipy, harness)
    assert all(loaded)
    assert not [name for name in sys.modules if name.startswith("harness.lab.alarms.")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="Only these, by name.")
    parser.add_argument("--sample", type=int, help="So many mutants, drawn at random.")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    os.nice(10)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    _warm_up()
    assert passes(TESTS, None), "the tests fail without any change"
    paths = [path for path in sorted(ROOM.glob("*.py")) if not given.modules or path.stem in given.modules]
    mutants = [mutant for path in paths for mutant in mutants_of(path)]
    if given.sample and given.sample < len(mutants):
        mutants = random.Random(given.seed).sample(mutants, given.sample)
    began, survivors = time.monotonic(), []
    for number, mutant in enumerate(mutants, 1):
        if survives(mutant):
            survivors.append(mutant)
            print(f"survived  {mutant}", flush=True)
        if number % 25 == 0:
            print(f"{number} of {len(mutants)}, {time.monotonic() - began:.0f} s", flush=True)
    share = 1 - len(survivors) / len(mutants)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants killed: {share:.1%}")
    return 0 if share >= LEAST else 3


if __name__ == "__main__":
    sys.exit(main())
