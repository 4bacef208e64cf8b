"""
A run in a notebook cell does not change the kernel.
"""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.lab.load.conftest import scenario_text

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_a_cell_plays_a_scenario_with_a_bar_and_a_table_and_the_kernel_still_works(fake_service, tmp_path):
    """
    The run is returned, its progress is displayed, and later cells can await and have no gevent.
    """
    service = fake_service()
    path = tmp_path / "notebook.toml"
    path.write_text(scenario_text(duration_s=1, rate=4.0), encoding="utf-8")
    where = f"host={service.api_url!r}, identities={str(service.identities)!r}, out={str(tmp_path / 'run')!r}"
    cells = [
        f"import harness\nrun = harness.play({str(path)!r}, {where})\nlen(run.batches)",
        "import asyncio, sys\nawait asyncio.sleep(0)\n'gevent' in sys.modules",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])

    NotebookClient(notebook, kernel_name="python3", timeout=100).execute()
    played, after = (cell.outputs for cell in notebook.cells)

    assert played[-1].data["text/plain"] == "4"
    assert any("batches ready" in output.get("data", {}).get("text/html", "") for output in played)
    assert after[-1].data["text/plain"] == "False"
