"""
``harness compare``: set two runs side by side.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode


def compare(
    before: Annotated[Path, typer.Argument(help="The run folder the other is held against.")],
    now: Annotated[Path, typer.Argument(help="The run folder that is compared.")],
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
    Set two runs side by side: ratios of percentiles with intervals, distances, what was played differently.

    Prints the ratios and writes a page with the charts of both.
    Leaves with 0 compared, whatever came out, 2 unreadable.

    Example: harness compare runs/20260102-101500-steady-live runs/20260103-101500-steady-live
    """
    from json import dumps

    from harness.lab.report.run_comparison import compare as compare_runs
    from harness.lab.report.run_comparison import render_comparison
    from harness.lab.results.run import Run

    try:
        earlier, current = Run.load(before), Run.load(now)
        comparison = compare_runs(earlier, current)
        path = render_comparison(earlier, current, out)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"harness compare: {error}\n")
        raise typer.Exit(ExitCode.USAGE) from None
    sys.stderr.write(f"{comparison!r}\n")
    if json:
        sys.stdout.write(dumps(comparison.to_dict(), indent=2, ensure_ascii=False) + "\n")
    sys.stderr.write(f"page: {path}\n")
