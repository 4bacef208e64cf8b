"""The least capacity, or the greatest rate, with which an objective holds. Times in seconds of model time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.shown_table import ShownAsTable
from harness.api.study import fields_of, loaded, path_of, replications_bar, system_of
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.sweep_charts import capacity_chart
from harness.lab.sim.cost import Bill
from harness.lab.sim.sweep.capacity import Capacity, CapacityPlan, CapacityProbe
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    from distributed import Client

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


@dataclass(frozen=True, repr=False)
class ChartedCapacity(ShownAsTable, Capacity):
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

    @property
    def heading(self) -> str:
        return self.reason


def plan(
    scenario: Scenario | str | Path,
    parameter: str,
    low: float,
    high: float,
    objective: str,
    *,
    step: float | None = None,
    confidence: float = 0.95,
    replications: int = 1280,
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
        low, high, step: The candidates, in the unit of the parameter (``rate`` in 1/s); the step is 1 for
            whole numbers, else 1/50 of the range.
        objective: ``p95(E2E:ready) <= 10 min`` or ``fail_ratio(E2E:ready) <= 1 %``.
        confidence: Of the answer: fresh replications confirm it and try the next candidate.
        replications: Most replications of one candidate; they double until it is decided.
        on_probe: Gets every probe when it is decided.
        executor, processes, out, warm_up, rate, duration, seed, state_machine, platform, overrides, engine,
            progress: As for `sweep`.

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
