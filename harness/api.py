"""
What ``import harness`` gives to those who look at runs: open one, judge it, hold it against another.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from harness.lab.results.run import Run

if TYPE_CHECKING:
    from harness.lab.gate.verdict import Verdict
    from harness.lab.report.run_comparison import RunComparison


def load_run(folder: str | Path) -> Run:
    """
    Open a run folder.

    >>> import harness
    >>> run = harness.load_run("fixtures/runs/slow")
    >>> run
    <Run slow: steady on live, seed 7>
    >>> run.durations().columns[-5:].tolist()
    ['upload_s', 'queue_s', 'pipeline_s', 'processing_s', 'ready_s']

    Raises:
        RunUnreadable: It is no run folder, or a newer version wrote it.
    """
    return Run.load(folder)


def check(
    run: Run | str | Path, *, template: str | Path | None = None, endpoint: str | None = None
) -> "Verdict":
    """
    Judge a run as ``harness check`` does, without writing anything.

    >>> import harness
    >>> verdict = harness.check("fixtures/runs/slow")
    >>> verdict.outcome.value, verdict.exit_code
    ('breach', 3)
    >>> print(verdict.reasons[0])
    Alarm media-processing-duration-p95 fired 13.0 min into the run.

    Args:
        run: The run, or its folder.
        template: Take the alarms from this CloudFormation template instead of ours.
        endpoint: Take the alarms from DescribeAlarms of this endpoint, or ``aws``.

    Raises:
        RunUnreadable: The run cannot be read.
        ValueError: The template or an objective of the scenario cannot be read.
    """
    from harness.lab.gate.evaluate_run import check_run

    return check_run(_opened(run), template=None if template is None else Path(template), endpoint=endpoint)


def compare(before: Run | str | Path, now: Run | str | Path) -> "RunComparison":
    """
    Set two runs side by side as ``harness compare`` does, without writing anything.

    >>> import harness
    >>> comparison = harness.compare("fixtures/runs/slow_but_within", "fixtures/runs/slow")
    >>> comparison.differences
    ()

    Args:
        before: The run the other is held against, or its folder.
        now: The run that is compared, or its folder.

    Raises:
        RunUnreadable: One of them cannot be read.
    """
    from harness.lab.report.run_comparison import compare as compare_runs

    return compare_runs(_opened(before), _opened(now))


def _opened(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else Run.load(run)
