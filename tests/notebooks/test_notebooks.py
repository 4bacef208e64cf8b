"""
The notebooks: sources and built notebooks agree, and the built ones hold their outputs.
"""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
MACHINE_OR_TIME = re.compile(r"/(?:root|home|tmp|work|Users)/|\d{8}-\d{6}|0x[0-9a-f]{8,}|T_[0-9a-f]{5}_")

every_notebook = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def load_builder():
    spec = importlib.util.spec_from_file_location("build", NOTEBOOKS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


builder = load_builder()


def built(source):
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def texts(output):
    """Return the texts of an output, without pictures."""
    data = output.get("data", {"text/plain": output.get("text", "")})
    return [text for kind, text in data.items() if not kind.startswith("image/png")]


class TestSourceAndNotebook:
    def test_there_are_eight(self):
        """
        Sources are numbered from 1 to 8, and each has a built notebook next to it.
        """
        assert [path.name[:2] for path in SOURCES] == [f"{number:02}" for number in range(1, 9)]
        assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == {path.stem for path in SOURCES}

    @every_notebook
    def test_the_cells_are_equal(self, source):
        """
        After a change of a source the notebook is built: ``make notebooks``.
        """
        wanted = [(cell.cell_type, cell.id, cell.source) for cell in builder.read(source).cells]

        assert [(cell.cell_type, cell.id, cell.source) for cell in built(source).cells] == wanted

    @every_notebook
    def test_a_cell_is_at_most_ten_lines(self, source):
        """
        Longer code belongs into the harness, or into two cells.
        """
        cells = [cell.source for cell in builder.read(source).cells if cell.cell_type == "code"]
        code = [[line for line in cell.splitlines() if line.strip()] for cell in cells]

        assert max(len(lines) for lines in code) <= 10

    @every_notebook
    def test_it_has_a_question_an_answer_and_a_live_switch(self, source):
        """
        The title is a question, a sentence in bold answers it, and one switch uses the real stack.
        """
        cells = built(source).cells
        prose = [cell.source for cell in cells[:3] if cell.cell_type == "markdown"]
        shown = [
            out.get("data", {}).get("text/markdown", "") for cell in cells for out in cell.get("outputs", ())
        ]

        assert cells[0].source.splitlines()[0].startswith("# ")
        assert cells[0].source.splitlines()[0].endswith("?")
        assert any(re.search(r"\*\*.+\*\*", text, re.DOTALL) for text in prose + shown)
        assert any(re.search(r"^LIVE = False\b", cell.source, re.MULTILINE) for cell in cells)


class TestOutputs:
    @every_notebook
    def test_every_cell_has_run_without_errors(self, source):
        """
        Every cell was executed in order in a new kernel, and some outputs are pictures.
        """
        cells = [cell for cell in built(source).cells if cell.cell_type == "code"]
        outputs = [out for cell in cells for out in cell.outputs]

        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        assert {out.output_type for out in outputs} <= {"display_data", "execute_result", "stream"}
        assert not [out.text for out in outputs if out.get("name") == "stderr"]
        assert any("image/png" in out.get("data", {}) for out in outputs)

    @every_notebook
    def test_they_do_not_depend_on_machine_or_time(self, source):
        """
        The outputs hold no path of a machine, time of day, memory address or random id.
        """
        found = [
            match[0]
            for cell in built(source).cells
            if cell.cell_type == "code"
            for out in cell.outputs
            for text in texts(out)
            if (match := MACHINE_OR_TIME.search(str(text)))
        ]

        assert found == []
        assert (
            json.loads(source.with_suffix(".ipynb").read_text())["metadata"] == builder.read(source).metadata
        )

    def test_all_together_are_small(self):
        """
        The repository keeps every version of them.
        """
        assert sum(path.stat().st_size for path in NOTEBOOKS.glob("*.ipynb")) < 3_000_000


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_all_run_without_network_and_stack():
    """
    Each built notebook is executed in under a minute.
    """
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "--nbmake-timeout=60",
        "-p",
        "no:cacheprovider",
        "-n",
        "2",
    ]
    notebooks = [path.with_suffix(".ipynb") for path in SOURCES]
    finished = subprocess.run([*command, *notebooks], cwd=ROOT, capture_output=True, text=True, check=False)

    assert finished.returncode == 0, finished.stdout
    assert f"{len(SOURCES)} passed" in finished.stdout
