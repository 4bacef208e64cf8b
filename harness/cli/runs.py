"""``harness runs``: list the runs of a folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.failures import exit_on_invalid_input

if TYPE_CHECKING:
    from rich.table import Table

    from harness.lab.gate.run_list import ListedRun


def runs(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the run folders.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print the list as JSON on stdout.")] = False,
) -> None:
    """
    List the runs of a folder, oldest first: scenario, target, verdict, p95 of the time to READY.

    Folders that cannot be read are named below the list. Exits with 0, or 2 if there is no such folder.

    Example: harness runs
    """
    sys.stderr.write(f"reading the runs in {folder}\n")
    import json as json_module
    from dataclasses import asdict

    from rich.console import Console

    from harness.lab.gate.run_list import list_runs

    with exit_on_invalid_input("runs"):
        if not folder.is_dir():
            raise ValueError(f"there is no folder {folder}; runs are written to it by harness load and sim")
        found, problems = list_runs(folder)
    if json:
        sys.stdout.write(
            json_module.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False) + "\n"
        )
    else:
        Console().print(_table(found) if found else f"{folder} holds no run")
    for problem in problems:
        sys.stderr.write(f"harness runs: {problem}\n")


def _table(found: "list[ListedRun]") -> "Table":
    from rich.table import Table

    table = Table("run", "start (UTC)", "scenario", "engine", "target", "verdict", box=None)
    table.add_column("p95 ready", justify="right")
    table.add_column("length", justify="right")
    for one in found:
        table.add_row(
            *(
                one.id,
                one.started_at[:19].replace("T", " "),
                one.scenario,
                one.engine,
                one.target,
                one.verdict,
            ),
            "–" if one.ready_p95_s is None else f"{one.ready_p95_s:,.1f} s",
            "running" if one.duration_s is None else f"{one.duration_s:,.0f} s",
        )
    return table
