"""``harness compare``: compare two runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.failures import exit_on_invalid_input, must_be_a_page
from harness.cli.progress_bar import progress_bar


def compare(
    before: Annotated[Path, typer.Argument(help="The folder of the earlier run.")],
    now: Annotated[Path, typer.Argument(help="The folder of the run that is compared with it.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The page's file.  [default: compare.html in the second run's folder]",
            metavar="FILE",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON on stdout.")] = False,
) -> None:
    """
    Compare two runs: ratios of percentiles with intervals, distances, and differences of the scenarios.

    Prints the ratios and writes a page with the charts of both runs. Exits with 0 whatever the
    result, 2 if a run cannot be read.

    Example: harness compare runs/20260102T101500Z-steady-live runs/20260103T101500Z-steady-live
    """
    sys.stderr.write(f"reading {before} and {now}, then drawing their charts: some seconds\n")
    from json import dumps

    from harness.lab.report.comparison.comparison_page import render_comparison
    from harness.lab.report.comparison.run_comparison import compare as compare_runs
    from harness.lab.results.run import Run

    with exit_on_invalid_input("compare"):
        must_be_a_page(out)
        earlier, current = Run.load(before), Run.load(now)
        comparison = compare_runs(earlier, current)
        with progress_bar("drawing", 100, "%") as show:
            path = render_comparison(earlier, current, out, progress=lambda share: show(100 * share))
    sys.stderr.write(f"{comparison!r}\n")
    if json:
        sys.stdout.write(dumps(comparison.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stderr.write(f"page: {path}\n")
