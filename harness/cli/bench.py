"""
``harness bench``: measure this machine, as ratios.
"""

import json as json_format
import os
import platform
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from harness.cli.bench_figure import Figure


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
    Measure, and set each figure against another taken in the same run on the same machine.

    Seconds of one machine say little about another; ratios say more. Best of a few tries.

    Example: harness bench judge --json figures.json
    """
    figures: list[Figure] = []
    for name in [one for one in Suite if suite in (one, Suite.ALL) and one is not Suite.ALL]:
        for figure in _suite(name)():
            figures.append(figure)
            sys.stdout.write(f"{name:<6} {figure.line}\n")
            sys.stdout.flush()
    if json is not None:
        machine = {
            "processor": platform.machine(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        }
        content = {"version": 1, "machine": machine, "figures": [figure.as_json for figure in figures]}
        json.write_text(json_format.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    raise typer.Exit(ExitCode.OK)


def _suite(name: Suite) -> "Callable[[], Iterator[Figure]]":
    from harness.cli import bench_judge, bench_load, bench_sim

    return {Suite.JUDGE: bench_judge.figures, Suite.LOAD: bench_load.figures, Suite.SIM: bench_sim.figures}[
        name
    ]
