"""The pairs of two parameters with which an objective just holds. Times in seconds of model time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.shown_table import ShownAsTable
from harness.api.study import fields_of, loaded, path_of, replications_bar, system_of
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.sweep_charts import frontier_chart
from harness.lab.sim.sweep.frontier import Frontier, FrontierPlan, FrontierSearch, ParameterRange
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


@dataclass(frozen=True, repr=False)
class ChartedFrontier(ShownAsTable, Frontier):
    """
    A frontier with its chart, and the cost of each of its points.

    Attributes:
        costs: Cost of 1,000 batches by point of the frontier [$].
    """

    costs: tuple[float, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per value of the first parameter, with the cost of the points of the frontier."""
        frame = super().to_frame()
        frame["usd_per_thousand_batches"] = float("nan")
        frame.loc[frame["on_frontier"], "usd_per_thousand_batches"] = self.costs
        return frame

    @property
    def chart(self) -> Chart:
        """The pairs that suffice, those of the frontier with their cost."""
        return frontier_chart(self.to_frame(), self.keys, self.objective, self.reason)

    @property
    def heading(self) -> str:
        return self.reason


def frontier(
    scenario: Scenario | str | Path,
    first: ParameterRange | tuple[Any, ...],
    second: ParameterRange | tuple[Any, ...],
    objective: str,
    *,
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
    on_search: Callable[[FrontierSearch], None] | None = None,
) -> ChartedFrontier:
    """
    Find the pairs of two parameters with which an objective holds, and of which neither can be made harder.

    >>> import harness
    >>> slots, threads = ("mediaconvert.slots", 1, 2), ("dispatcher.threads", 1, 2)
    >>> objective = "p50(E2E:ready) <= 10 min"
    >>> found = harness.frontier("smoke", slots, threads, objective, processes=1, progress=False)
    >>> found.points
    [(1, 1)]

    Args:
        first, second: The parameters: key, smallest and largest candidate, perhaps the step; as for `plan`.
        confidence, replications, objective: As for `plan`, for each point.
        on_search: Gets each value of the first parameter when it is decided.
        executor, processes, out, warm_up, rate, duration, seed, state_machine, platform, overrides, engine,
            progress: As for `sweep`.

    Raises:
        ScenarioError: The scenario file is invalid.
        ValueError: A key, a value or the objective is invalid, or the folder holds something else.
    """
    system = system_of(loaded(scenario, rate, duration, seed), overrides, platform, state_machine, engine)
    one, other = (
        each if isinstance(each, ParameterRange) else ParameterRange(*each) for each in (first, second)
    )
    study = FrontierPlan(
        system, one, other, objective, confidence=confidence, replications=replications, warm_up=warm_up
    )
    with replications_bar(None, shown=progress) as show:
        found = study.run(
            executor, processes=processes, folder=path_of(out), progress=show, on_search=on_search
        )
    bills = [system.bill(dict(zip(found.keys, point, strict=True))) for point in found.points]
    costs = tuple(float(bill.per_thousand(bill.dollars)) for bill in bills)
    charted = ChartedFrontier(**fields_of(found), costs=costs)
    if out is not None:
        charted.chart.save(Path(out))
    return charted
