"""
``harness report``: write a run's page.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.exit_codes import ExitCode

if TYPE_CHECKING:
    from harness.lab.results.run import Run


def report(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    *,
    other: Annotated[
        Path | None,
        typer.Option(
            "--with", help="Another run to lay over the charts, e.g. the simulated twin.", metavar="RUN"
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
    Write a run's page: one HTML file, with every figure as PNG and CSV beside it.

    Says what verdict.json says; a run that was never judged is judged by our alarms.
    Leaves with 0 written, 2 unreadable.

    Example: harness report runs/20260102-101500-steady-live --with runs/20260102-101800-steady-simpy
    """
    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.report.page import render, stored_verdict
    from harness.lab.results.run import Run

    try:
        shown = Run.load(run)
        verdict = stored_verdict(shown) or check_run(shown)
        path = render(shown, verdict, Run.load(other) if other else None, out, cost=_cost(shown))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"harness report: {error}\n")
        raise typer.Exit(ExitCode.USAGE) from None
    sys.stdout.write(f"{path}\n")


def _cost(run: "Run") -> dict[str, Any] | None:
    """Return what a run would have cost; None where nobody uploaded anything, or the run does not tell."""
    from pydantic import ValidationError

    from harness.lab.sim.cost import bill

    if not len(run.batches):
        return None
    try:
        return bill(run).to_dict()
    except ValidationError:
        # How long the videos were only the scenario says; the judge asks less of it.
        sys.stderr.write("note: the page has no cost: what run.json calls the scenario is none of ours\n")
        return None
