"""
Build the notebooks: ``python notebooks/build.py [NN …]`` executes each source and writes a notebook.

``01_first_run.py``, in the percent format, becomes ``01_first_run.ipynb`` with its outputs. Two builds give
the same bytes: a notebook contains no times, no paths and no random ids. The output of a widget exists only
in the kernel and is left out; the source also draws a static picture, for readers without a kernel.
"""

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent
WIDGET = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
TIMEOUT_S = 120


def sources() -> list[Path]:
    """Return the sources in the order of their numbers."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def read(source: Path) -> NotebookNode:
    """Return the notebook of a source without outputs; the id of a cell is its position."""
    notebook = jupytext.read(source, fmt="py:percent")
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{place:02}"
    notebook["metadata"] = NotebookNode(kernelspec=KERNEL, language_info=NotebookNode(name="python"))
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return notebook


def build(source: Path) -> Path:
    """
    Execute a source in its folder, and write the notebook next to it.

    Raises:
        CellExecutionError: A cell failed.
    """
    notebook = read(source)
    resources = {"metadata": {"path": str(HERE)}}
    NotebookClient(notebook, timeout=TIMEOUT_S, resources=resources, record_timing=False).execute()
    notebook["metadata"] = read(source)["metadata"]
    for cell in notebook.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = [one for one in cell["outputs"] if WIDGET not in one.get("data", {})]
    target = source.with_suffix(".ipynb")
    nbformat.write(notebook, target)
    return target


if __name__ == "__main__":
    wanted = tuple(sys.argv[1:])
    for one in sources():
        if one.name.startswith(wanted or ""):
            sys.stderr.write(f"{build(one).relative_to(HERE.parent)}\n")
