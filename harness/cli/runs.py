"""``harness runs``: list the runs of a folder."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.failures import exit_on_invalid_input

if TYPE_CHECKING:
    from rich.table import Table

    from harness.lab.gate.run_list import ListedRun


WIDE = 120
"""Width from which the table has all columns [characters]."""

WIDE_COLUMNS = ("scenario", "engine", "target", "start (UTC)")


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
        console = Console(highlight=False, markup=False)
        console.print(_table(found, console.width) if found else f"{folder} holds no run")
    for problem in problems:
        sys.stderr.write(f"harness runs: {problem}\n")


def _table(found: "list[ListedRun]", width: int) -> "Table":
    """Return the list as a table; a narrow one has no columns whose content is part of the id."""
    from rich.table import Table

    table = Table(box=None)
    # The folder's name is what other verbs are called with; a copied run has the id of the original.
    table.add_column("run", min_width=max(len(Path(one.folder).name) for one in found))
    for name in ("verdict", "p95 ready", "length", *(WIDE_COLUMNS if width >= WIDE else ())):
        table.add_column(name, justify="right" if name in ("p95 ready", "length") else "left")
    for one in found:
        cells = (
            Path(one.folder).name,
            one.verdict,
            "–" if one.ready_p95_s is None else f"{one.ready_p95_s:,.1f} s",
            "running" if one.duration_s is None else f"{one.duration_s:,.0f} s",
            one.scenario,
            one.engine,
            one.target.partition(",")[0],
            one.started_at[:19].replace("T", " "),
        )
        table.add_row(*cells[: len(table.columns)])
    return table
