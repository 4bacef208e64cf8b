"""Independent replications of a scenario in simulation, and intervals of its times."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.study import loaded, replications_bar

if TYPE_CHECKING:
    from pydantic import JsonValue

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.experiment.experiment import Experiment
    from harness.lab.sim.platform.platform_settings import Preset
    from harness.lab.workload.scenario import Scenario


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
        confidence: Probability that an interval contains the true value.
        processes: Number of parallel processes; by default one for each processor.
        state_machine, platform, overrides, engine, input: As for `simulate`.
        progress: Whether to show a progress bar.

    Raises:
        ScenarioError: The scenario file is invalid.
        ValueError: A number is out of range, or the state machine or the platform is invalid.
    """
    from harness.lab.sim.experiment.experiment_plan import ExperimentPlan

    changed = loaded(scenario, rate, duration, seed)
    plan = ExperimentPlan(
        changed if input is None else changed.with_input(input),
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
    shown = 0
    with replications_bar(replications, shown=progress) as count_on_bar:

        def show(done: int) -> None:
            nonlocal shown
            count_on_bar(done - shown)
            shown = done

        return plan.run(show)
