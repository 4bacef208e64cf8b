"""
The documentation site is whole, and says what the code says.
"""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.main import VERBS

ROOT = Path(__file__).parents[2]
FROM_ELSEWHERE = re.compile(r"""<(?:script|link|img|iframe)[^>]*?(?:src|href)=["']?(?:https?:)?//[^>]*>""")


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_verb_is_in_the_reference():
    """
    A verb somebody can run is described, with an example.
    """
    text = generator().command_line()
    runnable = [verb for verb in VERBS if importlib.util.find_spec(f"harness.cli.{verb}")]

    assert re.findall(r"^## harness (\w+)$", text, re.MULTILINE) == runnable
    for verb in runnable:
        assert f"```sh\nharness {verb}" in text or verb == "db"


def test_every_verb_is_in_the_readme():
    """
    One line each.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [verb for verb in VERBS if f"\n| `{verb}" not in readme] == []
    assert len(readme.splitlines()) < 150


def test_what_a_page_asks_for_can_be_generated():
    """
    A misspelt place would stay a comment that nobody sees.
    """
    asked = {
        name
        for page in (ROOT / "docs").rglob("*.md")
        for name in re.findall(r"<!-- generated: (\w+) -->", page.read_text(encoding="utf-8"))
    }

    assert asked == set(generator().GENERATED)


def test_commands_in_the_prose_exist():
    """
    Every ``harness`` command line of the README and the pages has a verb and options that there are.
    """
    reference = generator().command_line()
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    lines = [
        line
        for page in pages
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in block.splitlines()
        if line.startswith("harness ")
    ]
    unknown = [
        (line, option)
        for line in lines
        for option in re.findall(r"(?<=\s)--[a-z-]+", line.partition(" || ")[0])
        if option not in _section(reference, line.split()[1])
    ]

    assert lines
    assert not unknown
    assert {line.split()[1] for line in lines} <= set(VERBS)


def _section(reference, verb):
    return reference.partition(f"## harness {verb}\n")[2].partition("\n## harness ")[0]


def test_files_that_the_pages_name_exist():
    """
    A page that sends its reader to a file or folder of the repository names one that is there.
    """
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = re.compile(r"`((?:harness|tests|scenarios|fixtures|benchmarks|notebooks)/[\w./-]+)`")
    missing = {
        f"{page.name}: {path}"
        for page in pages
        for path in named.findall(page.read_text(encoding="utf-8"))
        if not (ROOT / path).exists()
    }

    # The mirror rule has x for any name.
    assert missing == {"architecture.md: tests/ports/test_x.py"}


@pytest.mark.slow
def test_the_site_builds_strictly_and_needs_no_network(tmp_path):
    """
    No dead link, no warning, no font or script from elsewhere; the search index is there.
    """
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    pages = {path: path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")}

    assert built.returncode == 0, built.stdout + built.stderr
    assert {
        str(path): found[0] for path, text in pages.items() if (found := FROM_ELSEWHERE.findall(text))
    } == {}
    assert "What is not proved" in (tmp_path / "site" / "search" / "search_index.js").read_text()


def test_every_page_of_the_menu_is_part_of_the_site():
    """
    No page of the menu is excluded: its links would be broken, and a strict build would not say so.
    """
    configuration = (ROOT / "mkdocs.yml").read_text()
    excluded = re.search(r"^exclude_docs: \|\n((?:  .*\n)+)", configuration, re.MULTILINE)[1].split()
    pages = re.findall(r"^ +- .*: (\S+\.md)$", configuration, re.MULTILINE)

    assert "deploy/README.md" in pages
    assert [page for page in pages if any(page.startswith(each) for each in excluded)] == []
