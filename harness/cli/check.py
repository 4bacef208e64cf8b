"""``harness check``: evaluate the alarms and objectives of a run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import runs
from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_invalid_input


def check(
    run: Annotated[
        Path | None, typer.Argument(help="The run folder to evaluate.", autocompletion=runs)
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(help="Evaluate the alarm cases of a JSON file instead of a run.", metavar="FILE"),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            help="Read the alarms from this CloudFormation template instead of the built-in one.",
            metavar="FILE",
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="Read the alarms by DescribeAlarms from this endpoint, or from AWS ('aws').", metavar="URL"
        ),
    ] = None,
    evaluation_range: Annotated[
        int,
        typer.Option(
            help="Periods by which the evaluation range exceeds N; AWS does not publish it.", min=0, max=1000
        ),
    ] = 2,
    baseline: Annotated[
        list[Path] | None,
        typer.Option(
            help="An earlier run to compare with, or a folder of runs; repeat it for more.", metavar="RUN"
        ),
    ] = None,
    max_regression: Annotated[
        list[str] | None,
        typer.Option(
            help="How much worse than the baseline a figure may be; repeat it for more.  "
            "[default with --baseline: p95(E2E:ready)=10%]",
            metavar="FIGURE=PERCENT",
        ),
    ] = None,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="The same as --max-regression 'p95(E2E:ready)=10%'.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Evaluate a run: every alarm as CloudWatch does, every objective of its scenario.

    With --baseline the run is also compared with earlier runs: the ratio of each figure and its interval
    decide whether it is worse than tolerated (3), not worse, or undecided (4). Runs that are not comparable
    are 4, with the reason.

    Writes verdict.json, junit.xml and summary.md into the run folder.
    Exit codes: 0 passed, 2 unreadable, 3 breached, 4 inconclusive, 6 a forbidden attempt succeeded, 7 the
    audit of the run found that something was lost or doubled.

    Example: harness check runs/20260102T101500Z-smoke-live
    """
    if run is not None:
        sys.stderr.write(f"evaluating {run}\n")
    from harness.lab.alarms.timeline import EvaluationRules
    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.gate.outputs import announce, write
    from harness.lab.gate.regression.regression_limit import DEFAULT
    from harness.lab.results.run import Run

    with exit_on_invalid_input("check"):
        if vectors is not None:
            if run is not None or json:
                raise ValueError("--vectors evaluates cases instead of a run: leave out the run and --json.")
            raise typer.Exit(_vectors(vectors))
        if template is not None and endpoint is not None:
            raise ValueError("--template and --endpoint exclude each other: both say which alarms.")
        if run is None:
            raise ValueError("Name a run folder, or a file of cases with --vectors.")
        limits = [*(max_regression or ()), *([DEFAULT] if fail_on_regression else ())]
        if limits and not baseline:
            option = "--max-regression" if max_regression else "--fail-on-regression"
            raise ValueError(f"{option} needs --baseline: the run to compare with.")
        checked = Run.load(run)
        verdict = check_run(
            checked,
            template=template,
            endpoint=endpoint,
            rules=EvaluationRules(surplus=evaluation_range),
            baseline=baseline or (),
            max_regression=limits,
        )
        write(verdict, run)
        announce(verdict, as_json=json)
        raise typer.Exit(ExitCode(verdict.exit_code))


def _vectors(path: Path) -> ExitCode:
    from harness.lab.alarms.vectors import check_vectors

    count, mismatches = check_vectors(path)
    for one in mismatches:
        sys.stdout.write(f"{one.name}: expected {one.expected}, got {one.actual}\n")
    sys.stdout.write(f"{count - len({one.case for one in mismatches})} of {count} cases agree\n")
    return ExitCode.BREACHED if mismatches else ExitCode.OK
