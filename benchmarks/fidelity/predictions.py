"""
Predictions of a load that was not measured: the calibrated simulation, and naive ones to compare it with.

Times are model seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.lab.calibration.observed_steps import observed_steps
from harness.lab.results.rows import E2E
from harness.lab.results.run import Run
from harness.lab.sim.simulation import simulate
from harness.lab.workload.calibration import load_calibration
from harness.lab.workload.scenario import Scenario, load_scenario

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """
    What a run gave, or what a prediction says that it will give.

    Times do not count before the warm-up has ended, batches do.

    Attributes:
        ready: Times from the arrival to READY, in the order of the arrivals.
        steps: Times of the successful attempts of each state, in the order of their beginnings.
        counts: Number of batches that were READY and that failed; None if it is not predicted.
        run: The run that was simulated, if there was one.
    """

    ready: Times
    steps: Mapping[str, Times]
    counts: tuple[int, int] | None
    run: Run | None = None

    @classmethod
    def of(cls, run: Run) -> "Outcome":
        rows = run.timings[(run.timings["type"] == E2E) & (run.timings["name"] == "ready")]
        done = rows[rows["outcome"] == "ok"].sort_values("arrival")
        timed = done[done["intended_at"] >= run.warm_up]
        ready = np.asarray(run.model_seconds(timed["finished_at"] - timed["intended_at"]), dtype=np.float64)
        tasks = set(observed_steps([run])["state"])
        ended = run.steps[(run.steps["outcome"] == "SUCCEEDED") & run.steps["state"].isin(tasks)]
        ended = ended[ended["ready_at"] >= run.warm_up]
        spent = ended.assign(spent=run.model_seconds(ended["finished_at"] - ended["started_at"]))
        steps = {
            str(state): rows.sort_values("started_at")["spent"].to_numpy(float)
            for state, rows in spent.groupby("state", observed=True)
        }
        return cls(ready, steps, (len(done), int((rows["outcome"] == "failed").sum())), run)


@dataclass(frozen=True)
class Predictor:
    """A way to predict a load: its name, and the function from the load to its outcome."""

    name: str
    predict: Callable[[Scenario], Outcome]


def predictors(fitted: Run, calibration: Path, folder: Path) -> list[Predictor]:
    """Return all ways to predict, the calibrated simulation first; *fitted* is the run of the fit."""
    known = Outcome.of(fitted)

    def calibrated(scenario: Scenario) -> Outcome:
        path = folder / f"{scenario.name}.json"
        played = load_scenario(path, calibration=load_calibration(calibration))
        return _simulated(played, folder / f"{scenario.name}-calibrated")

    def own(scenario: Scenario) -> Outcome:
        return _simulated(scenario, folder / f"{scenario.name}-own")

    def constant(scenario: Scenario) -> Outcome:
        return _simulated(_with_means(scenario, fitted), folder / f"{scenario.name}-constant")

    def last(_: Scenario) -> Outcome:
        return Outcome(known.ready, known.steps, None)

    return [
        Predictor("calibrated", calibrated),
        Predictor("scenario's own model", own),
        Predictor("constant means", constant),
        Predictor("quantiles of the fitted run", last),
    ]


def _simulated(scenario: Scenario, out: Path) -> Outcome:
    return Outcome.of(simulate(scenario, platform="local", out=out))


def _with_means(scenario: Scenario, fitted: Run) -> Scenario:
    """Return a load whose steps always take their mean of the fitted run, whatever their work."""
    steps = observed_steps([fitted])
    done = steps[steps["outcome"] == "SUCCEEDED"]
    means = done.groupby("step")["service_s"].mean()
    model = {str(step): {"fixed_s": float(mean)} for step, mean in means.items()}
    return Scenario.model_validate(scenario.model_dump(mode="json") | {"model": model})
