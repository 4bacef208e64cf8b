"""``harness lab``: open JupyterLab with the notebooks."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_with

ROOT = Path(__file__).parents[2]
FIRST = "notebooks/01_first_run.ipynb"


def lab(
    *,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser window.")] = True,
    port: Annotated[
        int, typer.Option(help="Port of the server; if it is in use, the next free port.", min=1, max=65535)
    ] = 8888,
) -> None:
    """
    Open JupyterLab with the notebooks and their kernel, until Ctrl-C.

    Exit codes: 0 ended, 2 JupyterLab or the notebooks are missing.

    Example: harness lab --no-browser
    """
    if find_spec("jupyterlab") is None:
        text = "JupyterLab is not installed: pip install 'media-harness[notebooks]'"
        exit_with("lab", ExitCode.USAGE, text)
    if not (ROOT / FIRST).exists():
        exit_with("lab", ExitCode.USAGE, f"{FIRST} is missing; the notebooks need a source checkout")
    # JupyterLab replaces this process: it receives Ctrl-C and signals, and ends its kernels.
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *_options(port, browser=browser)])  # noqa: S606


def _options(port: int, *, browser: bool) -> list[str]:
    options = [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        f"--ServerApp.port={port}",
        f"--ServerApp.open_browser={browser}",
        "--log-level=WARN",
        "--ServerApp.answer_yes=True",  # Ctrl-C ends it without a question
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if os.geteuid() == 0:
        options.append("--allow-root")
    return options
