"""Screening of many parameters by the method of Morris. Times in seconds of model time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.shown_table import ShownAsTable
from harness.api.study import fields_of, loaded, path_of, replications_bar, system_of
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.sweep_charts import morris_chart
from harness.lab.sim.sweep.elementary_effects import ElementaryEffects, ElementaryEffectsPlan
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    from distributed import Client

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


class ChartedElementaryEffects(ShownAsTable, ElementaryEffects):
    """The elementary effects of parameters with their chart."""

    @property
    def chart(self) -> Chart:
        """A bar for each parameter, the greatest mean effect on top, and a mark for its variation."""
        return morris_chart(self.to_frame(), self.percent, self.change)

    @property
    def heading(self) -> str:
        return f"Elementary effects on p{self.percent:g}"


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
        replications, confidence: As for `sweep`.
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
