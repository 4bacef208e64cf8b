"""
What a run or a scenario would show with other parameters: a grid of simulated points, for sliders.

Here the simulator and the report meet: `what_if` simulates the grid, and a page or a notebook shows it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from harness.api.study import replications_bar
from harness.blueprint.template import load_template
from harness.lab.gate.objective import Objective
from harness.lab.report.what_if_grid import GridAxis, GridPoint, WhatIfGrid
from harness.lab.results.run import Run
from harness.lab.sim.simulation import NOT_COMPILED
from harness.lab.sim.sweep.criterion import OF_READY
from harness.lab.sim.sweep.operating_grid import OperatingGridPlan, OperatingPoint
from harness.lab.sim.sweep.parameters import RATE, VariableSystem, text_of
from harness.lab.workload.scenario import Scenario, load_scenario

if TYPE_CHECKING:
    import pandas as pd
    from ipywidgets import VBox
    from pydantic import JsonValue

SLOTS = "mediaconvert.slots"
THUMBNAILS = "lambda.reserved_concurrency.thumbnails"


class NotSimulable(ValueError):
    """A run cannot be simulated; the message says why."""


@dataclass(frozen=True)
class WhatIf:
    """
    Simulated points of a grid; further points are simulated when they are asked for.

    Attributes:
        grid: The points, as a page shows them.
    """

    grid: WhatIfGrid
    _system: VariableSystem
    _known: dict[str, OperatingPoint] = field(repr=False)

    def at(self, **values: "JsonValue") -> "pd.Series[Any]":
        """
        Return the outcome at any point; a key's dots are written as ``__``, other keys have the run's value.

        A point that is not in the grid is simulated now, with the same random numbers, and kept.

        Raises:
            ValueError: A key or a value is invalid.
        """
        import pandas as pd  # heavy: imported only where a frame is made

        point = {key.replace("__", "."): value for key, value in values.items()}
        if not point:
            raise ValueError("name at least one value, e.g. mediaconvert__slots=12")
        if (key := text_of(point)) not in self._known:
            plan = OperatingGridPlan(
                self._system,
                {name: [value] for name, value in point.items()},
                replications=self.grid.replications,
            )
            (self._known[key],) = plan.run(processes=1).points
        return pd.Series(self._known[key].row((95,)))

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per point of the grid; see `WhatIfGrid.to_frame`."""
        return self.grid.to_frame()

    def sliders(self) -> "VBox":
        """Return sliders for a notebook, with the outcome at their values below (needs ipywidgets)."""
        from IPython import display as ipython_display
        from ipywidgets import SelectionSlider, VBox, interactive_output

        chosen = {
            axis.key: SelectionSlider(
                options=[
                    (f"{value:g}" if isinstance(value, float) else str(value), value) for value in axis.values
                ],
                value=axis.values[axis.base or 0],
                description=axis.key,
                style={"description_width": "initial"},
                layout={"width": "36em"},
            )
            for axis in self.grid.axes
        }

        def show(**values: Any) -> None:
            display: Any = ipython_display.display
            display(self.at(**values).to_frame(""))

        return VBox([*chosen.values(), interactive_output(show, chosen)])

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))


def what_if(
    subject: Run | Scenario | str | Path,
    vary: "Mapping[str, Sequence[JsonValue]] | None" = None,
    *,
    replications: int = 5,
    processes: int | None = None,
    progress: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> WhatIf:
    """
    Simulate a run or a scenario with other parameters: times, alarms and cost at each point of a grid.

    >>> import harness
    >>> grid = {"mediaconvert.slots": [1, 20]}
    >>> found = harness.what_if("smoke", grid, replications=2, processes=1, progress=False)
    >>> found.to_frame()[["mediaconvert.slots", "alarms_fired"]].values.tolist()
    [[1, ''], [20, '']]
    >>> found.at(mediaconvert__slots=2)["p95_s"] > 0
    True

    Args:
        subject: A run, its folder, or a scenario or its file. A live run of the local stack is simulated on
            the platform ``local``.
        vary: Values by key, as for `sweep`; by default `default_grid`.
        replications: Number of replications for the times; at most three of them also give alarms and cost.
        processes: Number of processes; by default one for each processor.
        progress: Whether to show a progress bar.
        on_progress: Gets the numbers of completed and of all replications.

    Raises:
        NotSimulable: The simulator does not know the system of the run; the message says why.
        RunUnreadable: The run cannot be read.
        ScenarioError: The scenario file is invalid.
        ValueError: A key or a value is invalid.
    """
    system = system_of(subject)
    grid = vary or default_grid(system)
    plan = OperatingGridPlan(system, grid, replications=replications)
    done = 0
    with replications_bar(plan.total, shown=progress) as count_on_bar:

        def show(count: int) -> None:
            nonlocal done
            done += count
            count_on_bar(count)
            if on_progress is not None:
                on_progress(done, plan.total)

        found = plan.run(processes=processes, progress=show)
    axes = [GridAxis(key, tuple(values), _base(system, key, values)) for key, values in grid.items()]
    points = [_grid_point(each) for each in found.points]
    shown = WhatIfGrid(axes, points, replications, system.scenario.seed, _limit(system.scenario))
    return WhatIf(shown, system, {text_of(each.point): each for each in found.points})


def default_grid(system: VariableSystem) -> "dict[str, list[JsonValue]]":
    """Return half, once and twice the arrival rate (or users) and slots, and fewer thumbnails at once."""
    scenario = system.scenario
    load: dict[str, list[JsonValue]] = {}
    if scenario.users:
        load = {"users": _around(scenario.users)}
    elif scenario.arrival_rate:
        load = {RATE: [scenario.arrival_rate * factor for factor in (0.5, 1, 2)]}
    thumbnails = int(system.value_at_base(THUMBNAILS))
    fewer = sorted({max(1, thumbnails // 10), max(1, thumbnails // 4), thumbnails})
    return {**load, SLOTS: _around(int(system.value_at_base(SLOTS))), THUMBNAILS: [*fewer]}


def _around(value: int) -> "list[JsonValue]":
    return [*sorted({max(1, value // 2), value, 2 * value})]


def system_of(subject: Run | Scenario | str | Path) -> VariableSystem:
    """Return the system of a run or of a scenario, for the simulator; errors as `what_if`."""
    if isinstance(subject, Scenario):
        return VariableSystem(subject)
    if isinstance(subject, Run):
        return _system_of_run(subject)
    if Path(subject).is_dir():
        return _system_of_run(Run.load(subject))
    return VariableSystem(load_scenario(subject))


def _system_of_run(run: Run) -> VariableSystem:
    try:
        scenario = Scenario.model_validate(run.scenario)
    except ValidationError:
        raise NotSimulable(
            f"run {run.id} cannot be simulated: the scenario in its run.json is not valid"
        ) from None
    header = run.header
    if header.blueprint_hash not in (None, load_template(parameters={"CallbackUrl": ""}).hash):
        raise NotSimulable(
            f"run {run.id} cannot be simulated again: its state machine or template is not today's blueprint"
        )
    if header.engine == "live":
        return _system_of_live_run(run, scenario)
    if str(header.notes.get(NOT_COMPILED, "")).startswith("stations of your own"):
        raise NotSimulable(f"run {run.id} cannot be simulated again: it has stations of your own")
    settings = dict(header.notes.get("platform", {}))
    return VariableSystem(scenario, preset=settings.pop("preset", None), overrides=settings)


def _system_of_live_run(run: Run, scenario: Scenario) -> VariableSystem:
    """Return the simulated local stack; the platform of a service elsewhere is not known."""
    target = run.header.target
    if "stack" not in target:
        where = f"at {run.header.target_text}" if target else "at a service that run.json does not name"
        raise NotSimulable(
            f"run {run.id} cannot be simulated: it was played {where}, whose platform the simulator does not "
            "know; simulate its scenario with harness sim, or play it at the local stack"
        )
    overrides: dict[str, Any] = {}
    if "transcoding_slots" in target:
        # Of the machine of the run, which may not be this one.
        overrides = {SLOTS: target["transcoding_slots"], "lambda.sandboxes": target["sandboxes"]}
    return VariableSystem(scenario, overrides, preset="local")


def _base(system: VariableSystem, key: str, values: "Sequence[JsonValue]") -> int | None:
    """Return the index of the system's own value; None if it is not among the values."""
    try:
        own = system.value_at_base(key)
    except ValueError:
        return None
    return next((place for place, value in enumerate(values) if value == own), None)


def _grid_point(found: OperatingPoint) -> GridPoint:
    row = found.row((95,))
    return GridPoint(
        p95=row["p95_s"],
        low=row["p95_low_s"],
        high=row["p95_high_s"],
        not_ready=row["failed"],
        alarms=found.alarms,
        played=len(found.played),
        dollars=found.dollars,
        dollars_per_thousand=found.dollars_per_thousand,
    )


def _limit(scenario: Scenario) -> float | None:
    """Return the limit of the scenario's objective on the p95 of the time to READY [s]; None without one."""
    objectives = (Objective.parse(each.expression) for each in scenario.objectives)
    limits = (
        float(each.limit)
        for each in objectives
        if each.percent == 95
        and each.selector in OF_READY
        and each.comparison in ("<", "<=")
        and not each.window
    )
    return next(limits, None)
