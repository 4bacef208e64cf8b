"""``harness report``: write the page of a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.completion import runs
from harness.cli.failures import exit_on_invalid_input, must_be_a_page
from harness.cli.progress_bar import progress_bar
from harness.cli.shared_options import ProcessesOption
from harness.cli.simulation_settings import grid_of

if TYPE_CHECKING:
    from harness.lab.report.what_if_grid import WhatIfGrid
    from harness.lab.results.run import Run


def report(
    run: Annotated[Path, typer.Argument(help="The run folder.", autocompletion=runs)],
    *,
    other: Annotated[
        Path | None,
        typer.Option(
            "--with", help="Another run to draw over the charts, e.g. a simulated one.", metavar="RUN"
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The page's file.  [default: report.html in the run folder]", metavar="FILE"
        ),
    ] = None,
    what_if: Annotated[
        bool,
        typer.Option(
            "--what-if",
            help="Simulate the run with other arrival rates, transcoding slots and thumbnails at once, and "
            "let the reader of the page choose among them.",
        ),
    ] = False,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="With other values than --what-if has by itself, e.g. mediaconvert.slots=5,10,20.",
            metavar="KEY=VALUES",
        ),
    ] = None,
    replications: Annotated[int, typer.Option(help="Of each point of --what-if.", min=1)] = 5,
    processes: ProcessesOption = None,
) -> None:
    """
    Write the page of a run: one HTML file, and a folder with every figure as PNG and CSV.

    The page shows the verdict in verdict.json. A run without verdict.json is evaluated with the
    alarms of the blueprint. With --what-if the page has sliders over a grid of simulated points: p95 with its
    interval, alarms and cost.
    Exits with 0 if the page was written, 2 if a run cannot be read, or cannot be simulated with --what-if.

    Example: harness report runs/20260102T101500Z-steady-live --what-if --vary mediaconvert.slots=5,10,20
    """
    sys.stderr.write(f"reading {run}, then drawing its charts: some seconds\n")
    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.report.page import render, stored_verdict
    from harness.lab.results.run import Run

    with exit_on_invalid_input("report"):
        must_be_a_page(out)
        shown = Run.load(run)
        verdict = stored_verdict(shown) or check_run(shown)
        beside = Run.load(other) if other else None
        grid = _simulated(shown, vary or [], replications, processes) if what_if or vary else None
        with progress_bar("drawing", 100, "%") as show:
            path = render(
                shown,
                verdict,
                beside,
                out,
                cost=_cost(shown),
                what_if=grid,
                progress=lambda share: show(100 * share),
            )
    sys.stdout.write(f"{path}\n")


def _simulated(run: "Run", vary: list[str], replications: int, processes: int | None) -> "WhatIfGrid":
    """Simulate a run with other parameters."""
    from harness.api.what_if import what_if

    sys.stderr.write("simulating the run with other parameters\n")
    with progress_bar("simulating", 1, "of all replications") as show:
        found = what_if(
            run,
            grid_of(vary) or None,
            replications=replications,
            processes=processes,
            progress=False,
            on_progress=lambda done, total: show(done / total),
        )
    return found.grid


def _cost(run: "Run") -> dict[str, Any] | None:
    """Return the cost of a run; None if it has no batches or its scenario cannot be read."""
    from pydantic import ValidationError

    from harness.lab.sim.cost import bill

    if not len(run.batches):
        return None
    try:
        return bill(run).to_dict()
    except ValidationError:
        # Only the scenario tells the lengths of the videos.
        sys.stderr.write("note: the page has no cost: the scenario in run.json is not valid\n")
        return None
