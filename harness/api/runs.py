"""Runs of an earlier time: opened, checked, compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.lab.report.plots import PlottableRun
from harness.lab.results.run import Run

if TYPE_CHECKING:
    from harness.lab.gate.verdict import Verdict
    from harness.lab.report.comparison.run_comparison import RunComparison
    from harness.lab.report.run_collection import RunCollection


def load_run(folder: str | Path) -> PlottableRun:
    """
    Open a run folder.

    >>> import harness
    >>> run = harness.load_run("fixtures/runs/slow")
    >>> run
    <Run slow: steady on live, seed 7>
    >>> run.durations().columns[-5:].tolist()
    ['upload_s', 'queue_s', 'pipeline_s', 'processing_s', 'ready_s']

    Raises:
        RunUnreadable: It is not a run folder, or a newer version wrote it.
    """
    return PlottableRun.load(folder)


def load_runs(pattern: str | Path) -> "RunCollection":
    """
    Open all run folders that match a pattern, in the order of their start.

    >>> import harness
    >>> runs = harness.load_runs("fixtures/runs/morning_*")
    >>> sorted(runs.to_frame()["engine"])
    ['live', 'simpy']
    >>> runs.durations.groupby("run")["ready_s"].median().round(1).to_dict()
    {'morning_live': 15.1, 'morning_simulated': 13.1}

    Raises:
        RunUnreadable: Nothing matches, or a run that matches is damaged.
    """
    from harness.lab.report.run_collection import RunCollection

    return RunCollection.matching(pattern)


def check(
    run: Run | str | Path,
    *,
    template: str | Path | None = None,
    endpoint: str | None = None,
    baseline: Sequence[str | Path] = (),
    max_regression: Sequence[str] = (),
) -> "Verdict":
    """
    Evaluate the alarms and objectives of a run as ``harness check`` does, without writing anything.

    >>> import harness
    >>> verdict = harness.check("fixtures/runs/slow")
    >>> verdict.outcome.value, verdict.exit_code
    ('breach', 3)
    >>> print(verdict.reasons[0])
    Alarm media-processing-duration-p95 fired 13.0 min into the run.

    Args:
        template: Take the alarms from this CloudFormation template instead of the blueprint's.
        endpoint: Take the alarms from DescribeAlarms of this endpoint, or of ``aws``.
        baseline: Run folders, or folders of runs, to compare with.
        max_regression: How much worse than the baseline figures may be, e.g. ``p95(E2E:ready)=10%``; this
            is also the default.

    Raises:
        RunUnreadable: The run cannot be read.
        ValueError: The template, an objective of the scenario or a baseline cannot be read.
    """
    from harness.lab.gate.evaluate_run import check_run

    return check_run(
        _opened(run),
        template=None if template is None else Path(template),
        endpoint=endpoint,
        baseline=[Path(one) for one in baseline],
        max_regression=max_regression,
    )


def compare(before: Run | str | Path, now: Run | str | Path) -> "RunComparison":
    """
    Compare two runs as ``harness compare`` does, without writing anything.

    >>> import harness
    >>> comparison = harness.compare("fixtures/runs/slow_but_within", "fixtures/runs/slow")
    >>> comparison.differences
    ()

    Raises:
        RunUnreadable: One of them cannot be read.
    """
    from harness.lab.report.comparison.run_comparison import compare as compare_runs

    return compare_runs(_opened(before), _opened(now))


def _opened(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else Run.load(run)
