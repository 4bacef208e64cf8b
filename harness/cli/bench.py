"""``harness bench``: run the benchmarks of a source checkout."""

import importlib
import json as json_format
import os
import platform
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_with

CHECKOUT = Path(__file__).parents[2]


class Suite(StrEnum):
    JUDGE = "judge"
    LOAD = "load"
    SIM = "sim"
    ALL = "all"


def bench(
    suite: Annotated[Suite, typer.Argument(help="What to measure.")],
    json: Annotated[Path | None, typer.Option(help="Write the figures there.", metavar="FILE")] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write the figures there as a page in Markdown.", metavar="FILE")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Suite sim: shorter runs, each played once.")
    ] = False,
) -> None:
    """
    Measure this machine, and compare each figure with another one of the same run.

    Times of one machine say little about another machine; ratios say more. Each is the best of a few tries.

    Needs a source checkout. Exit codes: 0 measured, 2 no source checkout.

    Example: harness bench sim --quick --json figures.json
    """
    if quick and suite not in (Suite.SIM, Suite.ALL):
        exit_with("bench", ExitCode.USAGE, f"--quick is for the suite sim; {suite} has one length only")
    for file in filter(None, (json, page)):
        if not file.parent.is_dir():
            exit_with("bench", ExitCode.USAGE, f"{file} cannot be written: there is no folder {file.parent}")
    if not (CHECKOUT / "benchmarks" / "__init__.py").exists():
        problem = f"{CHECKOUT} has no folder 'benchmarks'; benchmarks need a source checkout"
        advice = "clone the repository, run 'make setup' and use its 'harness'"
        exit_with("bench", ExitCode.USAGE, f"{problem}: {advice}")
    # Not part of the installed package, so Python does not find it by itself.
    sys.path.insert(0, str(CHECKOUT))
    figures: list[Any] = []
    for name in [one for one in Suite if suite in (one, Suite.ALL) and one is not Suite.ALL]:
        options = {"quick": True} if quick and name is Suite.SIM else {}
        for figure in importlib.import_module(f"benchmarks.{name}").figures(**options):
            figures.append(figure)
            sys.stdout.write(f"{name:<6} {figure.line}\n")
            sys.stdout.flush()
    if json is not None:
        content = {"version": 1, "machine": _machine(), "figures": [asdict(figure) for figure in figures]}
        json.write_text(json_format.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if page is not None:
        text = importlib.import_module("benchmarks.figure_page").page_of(
            figures, _machine(), f"harness bench {suite}{' --quick' if quick else ''}"
        )
        page.write_text(text, encoding="utf-8")
    raise typer.Exit(ExitCode.OK)


def _machine() -> dict[str, Any]:
    load = None if not hasattr(os, "getloadavg") else round(os.getloadavg()[0], 1)
    return {
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load_average": load,
    }
