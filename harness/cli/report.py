"""``harness report``: write the page of a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.completion import runs
from harness.cli.failures import exit_on_invalid_input, must_be_a_page
from harness.cli.progress_bar import progress_bar

if TYPE_CHECKING:
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
) -> None:
    """
    Write the page of a run: one HTML file, and a folder with every figure as PNG and CSV.

    The page shows the verdict in verdict.json. A run without verdict.json is evaluated with the
    alarms of the blueprint. Exits with 0 if the page was written, 2 if a run cannot be read.

    Example: harness report runs/20260102T101500Z-steady-live --with runs/20260102T101800Z-steady-simpy
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
        with progress_bar("drawing", 100, "%") as show:
            path = render(
                shown, verdict, beside, out, cost=_cost(shown), progress=lambda share: show(100 * share)
            )
    sys.stdout.write(f"{path}\n")


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
