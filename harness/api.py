"""
The functions of ``import harness``: simulate a scenario once or many times, open, check and compare runs.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from harness.lab.report.plots import PlottableRun
from harness.lab.results.run import Run
from harness.lab.sim.simulation import simulate as simulate_run

if TYPE_CHECKING:
    from pydantic import JsonValue

    from harness.lab.gate.verdict import Verdict
    from harness.lab.report.comparison.run_comparison import RunComparison
    from harness.lab.report.run_collection import RunCollection
    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.experiment.experiment import Experiment
    from harness.lab.sim.platform.platform_settings import Preset
    from harness.lab.workload.scenario import Scenario

P = ParamSpec("P")


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


def _with_plots(play: "Callable[P, Run]") -> "Callable[P, PlottableRun]":
    """Return *play* with a result that can draw its charts."""

    @wraps(play)
    def played(*args: P.args, **kwargs: P.kwargs) -> PlottableRun:
        return PlottableRun.of(play(*args, **kwargs))

    return played


simulate = _with_plots(simulate_run)


def experiment(
    scenario: "Scenario | str | Path",
    *,
    rate: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    replications: int = 20,
    precision: float | None = None,
    percent: float = 95,
    warm_up: float | None = None,
    cool_down: float | None = None,
    confidence: float = 0.95,
    processes: int | None = None,
    state_machine: str | Path | Mapping[str, Any] | None = None,
    platform: "Preset | None" = None,
    overrides: Mapping[str, Any] | None = None,
    engine: "EngineName" = "auto",
    input: "JsonValue" = None,  # noqa: A002 - the name of the option of `simulate`
    progress: bool = True,
) -> "Experiment":
    """
    Simulate independent replications of a scenario, in parallel, and estimate its times with intervals.

    >>> import harness
    >>> found = harness.experiment("scenarios/smoke.toml", replications=5, processes=1, progress=False)
    >>> found.percentile(95).replications, found.percentile(95).half_width > 0
    (5, True)
    >>> found.to_frame().columns.tolist()
    ['replication', 'batches', 'failed', 'unfinished', 'p50_s', 'p95_s', 'p99_s']

    Nothing is written. A script that uses several processes must be importable, with its calls under
    ``if __name__ == "__main__":``; a notebook needs nothing.

    Args:
        rate, duration, seed: Replace those of the scenario [1/s, s]; the shape of the arrivals stays.
        replications: Number of replications; with *precision* the most.
        precision: Replicate until the half-width of the percentile is this part of it, e.g. 0.05.
        percent: The percentile of the time to READY to which *precision* applies.
        warm_up, cool_down: Arrivals in these times at the beginning and at the end are not counted [s]; by
            default both are found from the data.
        processes: Number of parallel processes; by default one for each processor.
        state_machine, platform, overrides, engine, input: As for `simulate`.
        progress: Whether to show a progress bar.

    Raises:
        ScenarioError: The scenario file is invalid.
        ValueError: A number is out of range, or the state machine or the platform is invalid.
    """
    from tqdm.auto import tqdm

    from harness.lab.sim.experiment.experiment_plan import ExperimentPlan
    from harness.lab.workload.scenario import Scenario, load_scenario

    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    loaded = loaded.changed(rate=rate, duration=duration, seed=seed)
    plan = ExperimentPlan(
        loaded if input is None else loaded.with_input(input),
        replications=replications,
        precision=precision,
        percent=percent,
        warm_up=warm_up,
        cool_down=cool_down,
        confidence=confidence,
        processes=processes,
        state_machine=state_machine,
        platform=platform,
        overrides=overrides,
        engine=engine,
    )
    with tqdm(total=replications, desc="replications", disable=not progress, leave=False) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        return plan.run(show)


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
