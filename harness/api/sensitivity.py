"""The effect of each parameter on a percentile, one at a time. Times in seconds of model time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.shown_table import ShownAsTable
from harness.api.study import fields_of, loaded, path_of, replications_bar, system_of
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.sweep_charts import tornado_chart
from harness.lab.sim.sweep.parameter_effects import Sensitivity, SensitivityPlan
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    from distributed import Client

    from harness.lab.sim.engine_choice import EngineName
    from harness.lab.sim.platform.platform_settings import Preset


class ChartedSensitivity(ShownAsTable, Sensitivity):
    """The effects of parameters with their chart."""

    @property
    def chart(self) -> Chart:
        """A tornado: a bar for each parameter and direction, the greatest effect on top."""
        base = self.base.percentile(self.percent).value
        return tornado_chart(self.to_frame(), self.percent, base, self.change)

    @property
    def heading(self) -> str:
        return f"Sensitivity of p{self.percent:g}"


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
        replications, confidence: As for `sweep`.
        executor, processes, out, warm_up, rate, duration, seed, state_machine, platform, overrides, engine,
            progress: As for `sweep`.

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
