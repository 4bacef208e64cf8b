"""
``harness check``: judge a run.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.exit_codes import ExitCode


def check(
    run: Annotated[Path | None, typer.Argument(help="The run folder to judge.")] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(help="Judge the alarm cases of a JSON file instead of a run.", metavar="FILE"),
    ] = None,
    template: Annotated[
        Path | None,
        typer.Option(
            help="Take the alarms from this CloudFormation template instead of ours.", metavar="FILE"
        ),
    ] = None,
    endpoint: Annotated[
        str | None,
        typer.Option(help="Take the alarms from DescribeAlarms of this endpoint, or 'aws'.", metavar="URL"),
    ] = None,
    evaluation_range: Annotated[
        int, typer.Option(help="Periods the evaluation range exceeds N by; AWS does not publish it.", min=0)
    ] = 2,
    baseline: Annotated[Path | None, typer.Option(help="Compare with an earlier run.", metavar="RUN")] = None,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Leave with 3 when slower than the baseline.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON on stdout.")] = False,
) -> None:
    """
    Judge a run: every alarm as CloudWatch would, every objective of its scenario.

    Writes verdict.json, junit.xml and summary.md into the run folder.
    Leaves with 0 fine, 2 unreadable, 3 breached, 4 inconclusive, 6 a forbidden attempt succeeded.

    Example: harness check runs/20260102-101500-smoke-live
    """
    try:
        if vectors is not None:
            raise typer.Exit(_vectors(vectors))
        if run is None:
            raise ValueError("Name a run folder, or a file of cases with --vectors.")
        raise typer.Exit(_run(run, template, endpoint, evaluation_range, baseline, fail_on_regression, json))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"harness check: {error}\n")
        raise typer.Exit(ExitCode.USAGE) from None


def _vectors(path: Path) -> ExitCode:
    from harness.lab.alarms.vectors import check_vectors

    count, mismatches = check_vectors(path)
    for one in mismatches:
        sys.stdout.write(f"{one.name}: expected {one.expected}, judged {one.judged}\n")
    sys.stdout.write(f"{count - len({one.name for one in mismatches})} of {count} cases agree\n")
    return ExitCode.BREACHED if mismatches else ExitCode.OK


def _run(
    folder: Path,
    template: Path | None,
    endpoint: str | None,
    evaluation_range: int,
    baseline: Path | None,
    fail_on_regression: bool,
    as_json: bool,
) -> ExitCode:
    from harness.lab.alarms.timeline import EvaluationRules
    from harness.lab.gate.run_verdict import announce, judge_folder

    reading = EvaluationRules(surplus=evaluation_range)
    verdict = judge_folder(folder, template=template, endpoint=endpoint, reading=reading)
    regressed = False
    if baseline is not None:
        from harness.lab.gate.baseline import compare

        comparison = compare(folder, baseline)
        sys.stderr.write(comparison.table())
        regressed = fail_on_regression and comparison.regressed
    announce(verdict, as_json=as_json)
    code = ExitCode(verdict.exit_code)
    return ExitCode.BREACHED if regressed and code is ExitCode.OK else code
