"""
``harness lab``: JupyterLab on the notebooks.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]
FIRST = "notebooks/01_first_run.ipynb"


def lab(
    *,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")] = True,
    port: Annotated[
        int, typer.Option(help="Listen here, or on the next port that is free.", min=1, max=65535)
    ] = 8888,
) -> None:
    """
    Open JupyterLab on the notebooks, the kernel ready, until Ctrl-C.

    Leaves with 0 ended, 2 JupyterLab is not installed.

    Example: harness lab --no-browser
    """
    if find_spec("jupyterlab") is None:
        sys.stderr.write("harness lab: JupyterLab is not installed; uv pip install 'harness[notebooks]'\n")
        raise typer.Exit(ExitCode.USAGE)
    if not (ROOT / FIRST).exists():
        sys.stderr.write(f"harness lab: there is no {FIRST} beside the harness; work in a checkout\n")
        raise typer.Exit(ExitCode.USAGE)
    # In the place of this process: Ctrl-C and signals are JupyterLab's, and it ends its kernels.
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *_options(port, browser=browser)])  # noqa: S606


def _options(port: int, *, browser: bool) -> list[str]:
    options = [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        f"--ServerApp.port={port}",
        f"--ServerApp.open_browser={browser}",
        "--log-level=WARN",
        "--ServerApp.answer_yes=True",  # Ctrl-C means it
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if os.geteuid() == 0:
        options.append("--allow-root")
    return options
