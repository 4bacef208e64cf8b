"""``harness check``: evaluate the alarms and objectives of a run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_invalid_input


def check(
    run: Annotated[Path | None, typer.Argument(help="The run folder to evaluate.")] = None,
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
    baseline: Annotated[Path | None, typer.Option(help="Compare with an earlier run.", metavar="RUN")] = None,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit with 3 if the run is slower than the baseline.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Evaluate a run: every alarm as CloudWatch does, every objective of its scenario.

    Writes verdict.json, junit.xml and summary.md into the run folder.
    Exit codes: 0 passed, 2 unreadable, 3 breached, 4 inconclusive, 6 a forbidden attempt succeeded.

    Example: harness check runs/20260102T101500Z-smoke-live
    """
    from harness.lab.alarms.timeline import EvaluationRules
    from harness.lab.gate.evaluate_run import check_run
    from harness.lab.gate.outputs import announce, write
    from harness.lab.results.run import Run

    with exit_on_invalid_input("check"):
        if vectors is not None:
            raise typer.Exit(_vectors(vectors))
        if run is None:
            raise ValueError("Name a run folder, or a file of cases with --vectors.")
        if fail_on_regression and baseline is None:
            raise ValueError("--fail-on-regression needs --baseline: the run to compare with.")
        rules = EvaluationRules(surplus=evaluation_range)
        verdict = check_run(Run.load(run), template=template, endpoint=endpoint, rules=rules)
        write(verdict, run)
        is_slower = baseline is not None and _compare(run, baseline)
        announce(verdict, as_json=json)
        code = ExitCode(verdict.exit_code)
        raise typer.Exit(ExitCode.BREACHED if is_slower and fail_on_regression and not code else code)


def _vectors(path: Path) -> ExitCode:
    from harness.lab.alarms.vectors import check_vectors

    count, mismatches = check_vectors(path)
    for one in mismatches:
        sys.stdout.write(f"{one.name}: expected {one.expected}, got {one.actual}\n")
    sys.stdout.write(f"{count - len({one.name for one in mismatches})} of {count} cases agree\n")
    return ExitCode.BREACHED if mismatches else ExitCode.OK


def _compare(run: Path, baseline: Path) -> bool:
    """Print the comparison with the baseline and return whether the run is slower."""
    from harness.lab.gate.baseline import compare

    comparison = compare(run, baseline)
    sys.stderr.write(comparison.table())
    return comparison.regressed
