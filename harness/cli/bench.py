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
) -> None:
    """
    Measure this machine, and compare each figure with another one of the same run.

    Times of one machine say little about another machine; ratios say more. Each is the best of a few tries.

    Needs a source checkout. Exit codes: 0 measured, 2 no source checkout.

    Example: harness bench judge --json figures.json
    """
    if not (CHECKOUT / "benchmarks" / "__init__.py").exists():
        problem = f"{CHECKOUT} has no folder 'benchmarks'; benchmarks need a source checkout"
        advice = "clone the repository, run 'make setup' and use its 'harness'"
        exit_with("bench", ExitCode.USAGE, f"{problem}: {advice}")
    # Not part of the installed package, so Python does not find it by itself.
    sys.path.insert(0, str(CHECKOUT))
    figures: list[dict[str, Any]] = []
    for name in [one for one in Suite if suite in (one, Suite.ALL) and one is not Suite.ALL]:
        for figure in importlib.import_module(f"benchmarks.{name}").figures():
            figures.append(asdict(figure))
            sys.stdout.write(f"{name:<6} {figure.line}\n")
            sys.stdout.flush()
    if json is not None:
        python = platform.python_version()
        machine = {"processor": platform.machine(), "cpus": os.cpu_count(), "python": python}
        content = {"version": 1, "machine": machine, "figures": figures}
        json.write_text(json_format.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise typer.Exit(ExitCode.OK)
