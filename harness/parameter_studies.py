"""
Studies of several parameters together, with their charts: the frontier of two, and the screening of many.

Times in seconds of model time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.experiments import (
    as_text,
    fields_of,
    loaded,
    path_of,
    replications_bar,
    system_of,
)
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.sweep_charts import frontier_chart, morris_chart
from harness.lab.sim.sweep.elementary_effects import ElementaryEffects, ElementaryEffectsPlan
from harness.lab.sim.sweep.frontier import Frontier, FrontierPlan, FrontierSearch, ParameterRange
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


@dataclass(frozen=True)
class ChartedFrontier(Frontier):
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

    def __repr__(self) -> str:
        return f"{self.reason}\n{as_text(self.to_frame())}"

    def _repr_html_(self) -> str:
        return f"<p>{self.reason}</p>{self.to_frame().to_html(index=False)}"


class ChartedElementaryEffects(ElementaryEffects):
    """The elementary effects of parameters with their chart."""

    @property
    def chart(self) -> Chart:
        """A bar for each parameter, the greatest mean effect on top, and a mark for its variation."""
        return morris_chart(self.to_frame(), self.percent, self.change)

    def __repr__(self) -> str:
        return f"Elementary effects on p{self.percent:g}\n{as_text(self.to_frame())}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def frontier(
    scenario: Scenario | str | Path,
    first: ParameterRange | tuple[Any, ...],
    second: ParameterRange | tuple[Any, ...],
    objective: str,
    *,
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


def morris(
    scenario: Scenario | str | Path,
    parameters: Sequence[str],
    *,
    change: float = 0.2,
    percent: float = 95,
    trajectories: int = 10,
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
) -> ChartedElementaryEffects:
    """
    Screen parameters by the method of Morris: how much each changes a percentile while the others vary, too.

    Needs SALib (extra ``sensitivity``).

    >>> import harness
    >>> keys = ["mediaconvert.speed", "api.threads"]
    >>> found = harness.morris("smoke", keys, trajectories=2, replications=2, processes=1, progress=False)
    >>> [effect.key for effect in found.effects]
    ['mediaconvert.speed', 'api.threads']

    Args:
        parameters: Keys as for `sensitivity`.
        change: Each lies between this part below and above its value.
        percent: The percentile of the time to READY.
        trajectories: Walks through the space of the parameters; each has a point more than parameters.
        executor, processes, out, warm_up, rate, duration, seed, state_machine, platform, overrides, engine,
            progress: As for `sweep`.

    Raises:
        ModuleNotFoundError: SALib is not installed.
        ScenarioError: The scenario file is invalid.
        ValueError: A key has no value that can be scaled, or the folder holds something else.
    """
    screening = ElementaryEffectsPlan(
        system_of(loaded(scenario, rate, duration, seed), overrides, platform, state_machine, engine),
        parameters,
        change=change,
        percent=percent,
        trajectories=trajectories,
        replications=replications,
        warm_up=warm_up,
        confidence=confidence,
    )
    with replications_bar(screening.total, shown=progress) as show:
        found = screening.run(executor, processes=processes, folder=path_of(out), progress=show)
    charted = ChartedElementaryEffects(**fields_of(found))
    if out is not None:
        charted.chart.save(Path(out))
    return charted
