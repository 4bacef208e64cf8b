"""
Rules that import contracts cannot express.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "harness" / "service"
PORTS = {path.stem for path in (SERVICE / "core" / "ports").glob("[!_]*.py")}
SOURCES = [
    path
    for folder in ("harness", "tests", "docs", "scenarios", "notebooks")
    for path in (ROOT / folder).rglob("*")
]


@pytest.mark.parametrize(
    "module", ["harness", "harness.lab.load.launch", "harness.cli.main", "harness.lab.results.run"]
)
def test_notebook_imports_leave_the_interpreter_unpatched(module):
    """
    Importing what a notebook imports never loads gevent, not even through a package's __init__.
    """
    probe = f"import {module}, sys; raise SystemExit('gevent' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def test_every_driven_adapter_mirrors_a_port():
    """
    Every port has an adapter of its own name under at least one vendor besides memory.
    """
    paths = SERVICE.glob("adapters/*/[!_]*.py")
    vendors = {path.stem for path in paths if path.parent.name != "memory"}

    assert vendors >= PORTS


def test_every_port_has_an_in_memory_twin():
    """
    The core runs without any vendor.
    """
    twins = {path.stem for path in (SERVICE / "adapters" / "memory").glob("[!_]*.py")}

    assert twins >= PORTS


def test_every_port_has_one_contract():
    """
    One contract test per port, run on memory and on the vendor.
    """
    contracts = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / "ports").glob("test_*.py")}

    assert contracts >= PORTS


def test_statements_name_their_columns():
    """
    No statement selects ``*``: a new column must not change what a statement returns.
    """
    sources = [path for path in (SERVICE / "adapters" / "mysql").rglob("*") if path.suffix in (".py", ".sql")]

    found = [
        path.name for path in sources if re.search(r"select\s+(\w+\.)?\*", path.read_text(), re.IGNORECASE)
    ]

    assert (len(sources) > 10, found) == (True, [])


def test_packages_export_nothing():
    """
    `__init__.py` files are empty, but for the front door of the library.
    """
    talking = [path for path in (ROOT / "harness").rglob("__init__.py") if path.read_text().strip()]

    assert talking in ([], [ROOT / "harness" / "__init__.py"])


def test_no_path_of_a_machine_is_written_down():
    """
    Nothing in the repository names a home or a work directory of whoever wrote it.
    """
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home/(?!locust/)\w+)/")
    texts = [path for path in SOURCES if path.suffix in {".py", ".md", ".toml", ".yaml", ".json", ".ipynb"}]
    named = [
        path for path in texts if path != Path(__file__) and pattern.search(path.read_text(encoding="utf-8"))
    ]

    assert named == []


def test_every_link_in_the_documents_leads_somewhere():
    """
    A reader of `docs/` and the README finds the way in one click.
    """
    broken = []
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")

    assert broken == []
