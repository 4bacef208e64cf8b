"""
The structure of the package: no cycles, one meaning per name, no private imports, folders of a readable size.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "harness"
SOURCES = sorted(PACKAGE.rglob("*.py"))
MODULES_MAX = 15

ONE_KIND = ("api", "cli", "lab/report/sections")
"""Folders with one module per function of the API, per verb or per section of the report, named after it."""

MIRRORS = (
    ("service/core/ports", "service/adapters/*"),
    ("lab/load/clients", "lab/sim/model"),
)
"""Folders whose files may share names: the second implements, or simulates, what the first one names."""


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


NAMES = {module_name(path): path for path in SOURCES}


def imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield every module of the package that *path* imports, with the imported name if there is one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                if submodule in NAMES:
                    yield submodule, None
                elif node.module in NAMES:
                    yield node.module, alias.name
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name in NAMES)


GRAPH = {name: {target for target, _ in imports(path)} - {name} for name, path in NAMES.items()}


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components with more than one module (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in graph[node]:
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_cycles_are_found():
    """
    The check below can fail: two modules that import each other are a cycle.
    """
    assert cycles({"a": {"b"}, "b": {"c", "a"}, "c": set()}) == [["a", "b"]]


def test_no_import_cycle():
    """
    No module imports itself by way of others, not even inside a function or for its types.
    """
    assert cycles(GRAPH) == []


def test_each_class_name_has_one_meaning():
    """
    A class name is defined once in the whole package.
    """
    places = defaultdict(list)
    for name, path in NAMES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)

    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_each_file_name_is_found_in_one_guess():
    """
    No two files of the package have one name, unless their folders mirror each other.
    """
    places = defaultdict(list)
    for path in SOURCES:
        if not path.stem.startswith("__"):
            places[path.name].append(path.parent.relative_to(PACKAGE))
    doubled = {
        name: sorted(map(str, where))
        for name, where in places.items()
        if len(where) > 1 and not mirrored(where)
    }

    assert doubled == {}


def mirrored(folders: list[Path]) -> bool:
    """Tell whether all *folders* but one belong to mirrored folders, or to a folder of one kind."""
    rest = [folder for folder in folders if str(folder) not in ONE_KIND]
    if len(rest) <= 1:
        return True
    return any(all(folder.match(one) or folder.match(other) for folder in rest) for one, other in MIRRORS)


def test_no_private_name_is_imported():
    """
    What begins with an underscore is used in its own module only.
    """
    private = [
        f"{module}: {target}.{name}"
        for module, path in NAMES.items()
        for target, name in imports(path)
        if name is not None and name.startswith("_") and not name.startswith("__")
    ]

    assert private == []


@pytest.mark.parametrize(
    "folder",
    sorted({path.parent for path in SOURCES}),
    ids=lambda folder: str(folder.relative_to(PACKAGE.parent)),
)
def test_a_folder_has_about_fifteen_modules(folder):
    """
    A folder can be read at a glance; `cli` has a module for each verb.
    """
    modules = [path for path in folder.glob("*.py") if not path.stem.startswith("__")]

    assert len(modules) <= MODULES_MAX or folder.name == "cli"
