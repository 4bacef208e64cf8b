"""
Simulated experiments with many runs: a sweep, the search for a capacity, a sensitivity analysis; and the
calibration of the simulator by runs.

Their results have charts: here the simulator and the report meet. Times in seconds of model time.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.lab.calibration.calibrated_system import CalibratedSystem
from harness.lab.calibration.calibration_file import write_calibration
from harness.lab.calibration.histories.history_folder import HistoryFolder
from harness.lab.calibration.histories.machine_files import MachineFiles
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from harness.lab.calibration.histories.process_log import write_process_log
from harness.lab.report.charts.calibration_chart import calibration_chart
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.sweep_charts import capacity_chart, sweep_chart, tornado_chart
from harness.lab.results.run import Run
from harness.lab.sim.cost import Bill
from harness.lab.sim.sweep.capacity import Capacity, CapacityPlan, CapacityProbe
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.sim.sweep.parameter_effects import Sensitivity, SensitivityPlan
from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.sim.sweep.replication_summary import PERCENTS
from harness.lab.sim.sweep.sweep import Sweep, SweepPlan
from harness.lab.workload.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from distributed import Client
    from pydantic import JsonValue

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


class ChartedSweep(Sweep):
    """A sweep with its chart; shown in a notebook as both."""

    @property
    def chart(self) -> Chart:
        """p95 of the time to READY by the first parameter, with a line for each value of the others."""
        return self.chart_of(95)

    def chart_of(self, percent: float = 95, limit: float | None = None) -> Chart:
        """Return the chart of a percentile, with a line at a limit [s]."""
        return sweep_chart(self.to_frame(), self.varied, percent, limit)

    def __repr__(self) -> str:
        return f"Sweep of {self.scenario_name}\n{as_text(self.to_frame())}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


@dataclass(frozen=True)
class ChartedCapacity(Capacity):
    """The answer of a search with its chart, and the cost of the answer."""

    limit: float
    is_time: bool
    bill: Bill | None

    @property
    def chart(self) -> Chart:
        """The probes with their intervals, and the limit."""
        return capacity_chart(
            self.to_frame(),
            self.key,
            self.objective,
            self.limit,
            is_time=self.is_time,
            value=self.value,
            finding=self.reason,
        )

    def __repr__(self) -> str:
        return f"{self.reason}\n{as_text(self.to_frame())}"

    def _repr_html_(self) -> str:
        return f"<p>{self.reason}</p>{self.to_frame().to_html(index=False)}"


class ChartedSensitivity(Sensitivity):
    """The effects of parameters with their chart."""

    @property
    def chart(self) -> Chart:
        """A tornado: a bar for each parameter and direction, the greatest effect on top."""
        base = self.base.percentile(self.percent).value
        return tornado_chart(self.to_frame(), self.percent, base, self.change)

    def __repr__(self) -> str:
        return f"Sensitivity of p{self.percent:g}\n{as_text(self.to_frame())}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


class ChartedCalibration(CalibratedSystem):
    """A measured system with the chart of its fits."""

    @property
    def chart(self) -> Chart:
        """Fitted against observed quantiles of each step."""
        return calibration_chart(self.curves())

    def __repr__(self) -> str:
        return f"Calibration\n{as_text(self.to_frame())}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def as_text(table: "pd.DataFrame") -> str:
    return table.to_string(index=False, float_format="{:.4g}".format)


def calibrate(*runs: Run | str | Path, out: str | Path | None = None) -> ChartedCalibration:
    """
    Measure service times, latencies and error rates from runs of one system.

    >>> import harness
    >>> measured = harness.calibrate("fixtures/runs/morning_simulated")
    >>> measured.to_frame()["step"].tolist()
    ['validate', 'thumbnails', 'zip', 'callback', 'transcode']

    Args:
        runs: Runs, or their folders.
        out: The calibration file; beside it the quantiles are written as PNG and CSV. Without it nothing
            is written.

    Raises:
        RunUnreadable: One of them is not a run folder.
        TooFewObservations: No step has enough successful attempts.
    """
    opened = [run if isinstance(run, Run) else Run.load(run) for run in runs]
    measured = ChartedCalibration.of(opened, datetime.now(UTC).date())
    if out is not None:
        path = Path(out)
        write_calibration(measured, path)
        calibration_chart(measured.curves(), path.stem).save(path.parent)
    return measured


def calibrate_executions(
    folder: str | Path,
    *,
    out: str | Path | None = None,
    process_log: str | Path | None = None,
    warn: "Callable[[str], None] | None" = None,
) -> ObservedMachine:
    """
    Measure a state machine from the histories of its executions: any machine, not only ours.

    >>> import harness
    >>> machine = harness.calibrate_executions("histories", out="orders.toml")  # doctest: +SKIP

    Args:
        folder: Histories as ``aws stepfunctions get-execution-history`` writes them, with the answer of
            ``describe-state-machine``, or the log events of an Express state machine.
        out: The calibration file; a scenario of the recorded load is written beside it.
        process_log: The histories as the log of a process-mining tool, .csv or .parquet.
        warn: Called with a sentence about each history that was left out.

    Raises:
        HistoriesInvalid: There is no usable history, or they are of several state machines.
    """
    read = HistoryFolder.read(Path(folder))
    if warn is not None:
        for sentence in read.warnings:
            warn(sentence)
    machine = ObservedMachine.of(read)
    if out is not None:
        MachineFiles(Path(out), datetime.now(UTC).date()).write(machine)
    if process_log is not None:
        write_process_log(machine.executions, Path(process_log))
    return machine


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


def plan(
    scenario: Scenario | str | Path,
    parameter: str,
    low: float,
    high: float,
    objective: str,
    *,
    step: float | None = None,
    confidence: float = 0.95,
    replications: int = 320,
    executor: "str | Client | None" = None,
    processes: int | None = None,
    out: str | Path | None = None,
    warm_up: float | None = None,
    rate: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    state_machine: str | Path | Mapping[str, Any] | None = None,
    platform: "Preset | None" = None,
    overrides: Mapping[str, Any] | None = None,
    engine: "EngineName" = "auto",
    progress: bool = True,
    on_probe: Callable[[CapacityProbe], None] | None = None,
) -> ChartedCapacity:
    """
    Find the least value of a parameter with which an objective holds; of ``rate`` and ``users`` the greatest.

    >>> import harness
    >>> objective = "p50(E2E:ready) <= 10 min"
    >>> found = harness.plan("smoke", "mediaconvert.slots", 1, 4, objective, processes=1, progress=False)
    >>> found.value, found.result.value
    (1, 'pass')

    Args:
        parameter: Key as for `sweep`.
        low, high, step: The candidates; the step is 1 for whole numbers, else 1/50 of the range.
        objective: ``p95(E2E:ready) <= 10 min`` or ``fail_ratio(E2E:ready) <= 1 %``.
        confidence: Of the answer: fresh replications confirm it and try the next candidate.
        replications: Most replications of one candidate; they double until it is decided.
        on_probe: Gets every probe when it is decided.
        executor, processes, out, warm_up, state_machine, platform, overrides, progress: As for `sweep`.

    Raises:
        ScenarioError: The scenario file is invalid.
        ValueError: A key, a value or the objective is invalid, or the folder holds something else.
    """
    system = system_of(loaded(scenario, rate, duration, seed), overrides, platform, state_machine, engine)
    search = CapacityPlan(
        system,
        parameter,
        low,
        high,
        objective,
        step=step,
        confidence=confidence,
        replications=replications,
        warm_up=warm_up,
    )
    with replications_bar(None, shown=progress) as show:
        found = search.run(
            executor, processes=processes, folder=path_of(out), progress=show, on_probe=on_probe
        )
    cost = None if found.value is None else system.bill({parameter: found.value})
    criterion: Criterion = search.criterion
    charted = ChartedCapacity(
        **fields_of(found), limit=criterion.limit, is_time=criterion.percent is not None, bill=cost
    )
    if out is not None:
        charted.chart.save(Path(out))
    return charted


def sensitivity(
    scenario: Scenario | str | Path,
    parameters: Sequence[str],
    *,
    change: float = 0.2,
    percent: float = 95,
    replications: int = 10,
    executor: "str | Client | None" = None,
    processes: int | None = None,
    out: str | Path | None = None,
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
) -> ChartedSensitivity:
    """
    Change each parameter a little, one at a time, and estimate how much a percentile changes.

    >>> import harness
    >>> keys = ["mediaconvert.speed", "api.threads"]
    >>> found = harness.sensitivity("smoke", keys, replications=3, processes=1, progress=False)
    >>> [effect.key for effect in found.effects]
    ['mediaconvert.speed', 'api.threads']

    Args:
        parameters: Keys as for `sweep`; their values are numbers or distributions, which are scaled.
        change: Each is made smaller and larger by this part of it; a whole number at least by one.
        percent: The percentile of the time to READY.
        executor, processes, out, warm_up, state_machine, platform, overrides, progress: As for `sweep`.

    Raises:
        ScenarioError: The scenario file is invalid.
        ValueError: A key has no value that can be scaled, or the folder holds something else.
    """
    analysis = SensitivityPlan(
        system_of(loaded(scenario, rate, duration, seed), overrides, platform, state_machine, engine),
        parameters,
        change=change,
        percent=percent,
        replications=replications,
        warm_up=warm_up,
        confidence=confidence,
    )
    with replications_bar(analysis.total, shown=progress) as show:
        found = analysis.run(executor, processes=processes, folder=path_of(out), progress=show)
    charted = ChartedSensitivity(**fields_of(found))
    if out is not None:
        charted.chart.save(Path(out))
    return charted


def write_sweep(found: ChartedSweep, folder: Path, limit: float | None = None) -> None:
    """Write ``sweep.csv`` and ``sweep.png``."""
    found.chart_of(95 if 95 in found.percents else found.percents[0], limit).save(folder)


def loaded(
    scenario: Scenario | str | Path, rate: float | None, duration: float | None, seed: int | None
) -> Scenario:
    loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    return loaded.changed(rate=rate, duration=duration, seed=seed)


def system_of(
    scenario: Scenario,
    overrides: Mapping[str, Any] | None,
    platform: "Preset | None",
    state_machine: str | Path | Mapping[str, Any] | None,
    engine: "EngineName",
) -> VariableSystem:
    return VariableSystem(scenario, overrides or {}, platform, state_machine, engine)


@contextmanager
def replications_bar(total: int | None, *, shown: bool) -> "Iterator[Callable[[int], None]]":
    from tqdm.auto import tqdm

    with tqdm(total=total, desc="replications", disable=not shown, leave=False) as bar:

        def show(count: int) -> None:
            bar.update(count)

        yield show


def path_of(folder: str | Path | None) -> Path | None:
    return None if folder is None else Path(folder)


def fields_of(found: Any) -> dict[str, Any]:
    return {field.name: getattr(found, field.name) for field in fields(found)}
