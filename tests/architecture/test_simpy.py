"""
The simulator uses SimPy by its documented names only.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import simpy

PACKAGE = Path(__file__).parents[2] / "harness"
USERS = [path for path in sorted(PACKAGE.rglob("*.py")) if "simpy" in path.read_text(encoding="utf-8")]


def private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def private_names() -> set[str]:
    """Return the private names of SimPy: attributes, methods, functions."""
    names: set[str] = set()
    for path in Path(simpy.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and private(node.attr):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef) and private(node.name):
                names.add(node.name)
    return names


PRIVATE = private_names()


def violations(tree: ast.Module) -> Iterator[str]:
    """Yield the private names of SimPy that a module uses, on other objects or in subclasses of SimPy's."""
    own: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not any("simpy" in ast.unparse(base) for base in node.bases):
            for each in ast.walk(node):
                if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "self":
                    own.add(each)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in PRIVATE and node not in own:
            yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and node.value in PRIVATE:
            yield repr(node.value)


@pytest.mark.parametrize("path", USERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_private_name_of_simpy(path):
    """
    No module that mentions SimPy uses one of its private names.
    """
    assert list(violations(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_uses_are_found():
    """
    The search finds a private name on an object, in a subclass and in a string, but not an attribute of ours.
    """
    code = """
class Mine(simpy.Environment):
    def now(self): return self._now
class Ours:
    def __init__(self, env): self._env = env
event._ok = True
getattr(env, "_queue")
"""

    assert {"_queue", "_now", "_ok", "_env", "_value", "_active_proc"} <= PRIVATE
    assert sorted(violations(ast.parse(code))) == ["'_queue'", "event._ok", "self._now"]
