"""A grid of parameters, simulated at each of its points. Times in seconds of model time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.shown_table import ShownAsTable
from harness.api.study import fields_of, loaded, path_of, replications_bar, system_of
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.sweep_charts import sweep_chart
from harness.lab.sim.sweep.replication_summary import PERCENTS
from harness.lab.sim.sweep.sweep import Sweep, SweepPlan
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    from distributed import Client
    from pydantic import JsonValue

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


class ChartedSweep(ShownAsTable, Sweep):
    """A sweep with its chart; shown in a notebook as both."""

    @property
    def chart(self) -> Chart:
        """p95 of the time to READY by the first parameter, with a line for each value of the others."""
        return self.chart_of(95)

    def chart_of(self, percent: float = 95, limit: float | None = None) -> Chart:
        """Return the chart of a percentile, with a line at a limit [s]."""
        return sweep_chart(self.to_frame(), self.varied, percent, limit)

    @property
    def heading(self) -> str:
        return f"Sweep of {self.scenario_name}"


def sweep(
    scenario: Scenario | str | Path,
    grid: "Mapping[str, Sequence[JsonValue]]",
    replications: int = 10,
    *,
    executor: "str | Client | None" = None,
    processes: int | None = None,
    out: str | Path | None = None,
    percents: Sequence[float] = PERCENTS,
    warm_up: float | None = None,
    confidence: float = 0.95,
    rate: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    state_machine: str | Path | Mapping[str, Any] | None = None,
    platform: "Preset | None" = None,
    overrides: Mapping[str, Any] | None = None,
    engine: "EngineName" = "auto",
    progress: bool = True,
) -> ChartedSweep:
    """
    Simulate a scenario at every point of a grid of parameters, with the same random numbers at each.

    >>> import harness
    >>> slots = {"mediaconvert.slots": [1, 20]}
    >>> found = harness.sweep("smoke", slots, replications=3, processes=1, progress=False)
    >>> found.to_frame()[["mediaconvert.slots", "replications", "batches"]].values.tolist()
    [[1, 3, 23], [20, 3, 23]]
    >>> found.cell(mediaconvert__slots=1).difference(found.cell(mediaconvert__slots=20)).value > 0
    True

    A script that uses several processes must be importable, with its calls under
    ``if __name__ == "__main__":``; a notebook needs nothing.

    Args:
        grid: Values by key: ``mediaconvert.slots`` and others of the platform, keys of the scenario, or
            ``rate``, the mean arrival rate [1/s].
        replications: Number of replications of each cell.
        executor: Address of a Dask scheduler (``tcp://…``), or a Dask client; by default processes of this
            machine. The results are the same everywhere.
        processes: Number of processes; by default one for each processor.
        out: A folder that keeps the replications. A sweep that was interrupted continues there, and a larger
            grid or more replications compute only what is missing.
        percents: Percentiles of the time to READY to record.
        confidence: Probability that an interval contains the true value.
        warm_up: Arrivals before it are not counted [s]; by default that of the scenario.
        rate, duration, seed, state_machine, platform, overrides, engine: As for `simulate`.
        progress: Whether to show a progress bar.

    Raises:
        ScenarioError: The scenario file is invalid.
        ValueError: A key or a value is invalid, or the folder holds something else.
    """
    plan = SweepPlan(
        system_of(loaded(scenario, rate, duration, seed), overrides, platform, state_machine, engine),
        grid,
        replications=replications,
        percents=tuple(map(float, percents)),
        warm_up=warm_up,
        confidence=confidence,
    )
    with replications_bar(plan.total, shown=progress) as show:
        found = plan.run(executor, processes=processes, folder=path_of(out), progress=show)
    charted = ChartedSweep(**fields_of(found))
    if out is not None:
        write_sweep(charted, Path(out))
    return charted


def write_sweep(found: ChartedSweep, folder: Path, limit: float | None = None) -> None:
    """Write ``sweep.csv`` and ``sweep.png``."""
    found.chart_of(95 if 95 in found.percents else found.percents[0], limit).save(folder)
