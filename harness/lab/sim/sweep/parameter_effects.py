"""
Sensitivity: how much a percentile of the time to READY changes with each parameter, one at a time.

All points have the same random numbers, so a difference is due to the parameter.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from harness.lab.sim.experiment.quantiles import Estimate
from harness.lab.sim.sweep.executors import executor_of
from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.sim.sweep.replication_summary import PERCENTS
from harness.lab.sim.sweep.replicator import Replicator
from harness.lab.sim.sweep.scaled_values import changed_values
from harness.lab.sim.sweep.sweep import Cell, OnReplications, journal_in, must_leave_arrivals

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client


@dataclass(frozen=True)
class Effect:
    """
    The effect of one parameter.

    Attributes:
        low, high: How much longer the percentile is with the smaller and the larger value [s]; a lower bound
            if batches had not ended there, None if no batch becomes READY there.
    """

    key: str
    low_value: JsonValue
    high_value: JsonValue
    low: Estimate | None
    high: Estimate | None

    @property
    def swing(self) -> float:
        """The greater of both effects, without its sign [s]; infinite if no batch becomes READY."""
        return max(float("inf") if one is None else abs(one.value) for one in (self.low, self.high))


@dataclass(frozen=True)
class Sensitivity:
    """
    The effects of parameters, the greatest first.

    Attributes:
        base: The system as it is.
        change: Relative change of each parameter, e.g. 0.2.
    """

    scenario_name: str
    base: Cell
    percent: float
    change: float
    effects: tuple[Effect, ...]

    def to_frame(self) -> "pd.DataFrame":
        """
        Return one row per parameter, with the effects on the percentile and their intervals [s].

        The interval of an effect that is a lower bound is infinite.
        """
        import pandas as pd  # heavy: imported only when a frame is needed

        rows: list[dict[str, Any]] = []
        for effect in self.effects:
            row: dict[str, Any] = {"parameter": effect.key}
            for side, value, found in (
                ("low", effect.low_value, effect.low),
                ("high", effect.high_value, effect.high),
            ):
                row[f"{side}_value"] = value
                row[f"{side}_effect_s"] = float("nan") if found is None else found.value
                row[f"{side}_half_width_s"] = (
                    float("nan") if found is None else math.inf if found.at_least else found.half_width
                )
            rows.append(row)
        return pd.DataFrame(rows)


@dataclass(frozen=True)
class SensitivityPlan:
    """
    The plan of a sensitivity analysis.

    Args:
        parameters: Keys as for ``--set``, or ``rate``. Their values are numbers or distributions.
        change: Each is made smaller and larger by this part of it; a whole number at least by one.
        percent: The percentile of the time to READY.

    Raises:
        ValueError: A key has no value that can be scaled, or a number is invalid.
    """

    system: VariableSystem
    parameters: Sequence[str]
    _: KW_ONLY
    change: float = 0.2
    percent: float = 95
    replications: int = 10
    warm_up: float | None = None
    confidence: float = 0.95
    sides: tuple[tuple[str, JsonValue, JsonValue], ...] = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.change < 1:
            raise ValueError(f"a relative change lies between 0 and 1, e.g. 0.2, not {self.change:g}")
        if self.replications < 1:
            raise ValueError(
                f"a sensitivity analysis needs at least one replication, not {self.replications}"
            )
        if not self.parameters:
            raise ValueError("a sensitivity analysis needs at least one parameter")
        must_leave_arrivals(self.warm_up, self.system.scenario.duration_s)
        sides = []
        for key in dict.fromkeys(self.parameters):
            sides.append((key, *changed_values(self.system, key, self.change)))
        object.__setattr__(self, "sides", tuple(sides))

    @property
    def total(self) -> int:
        """Number of replications of all points."""
        return (1 + 2 * len(self.sides)) * self.replications

    def run(
        self,
        executor: "str | Client | None" = None,
        *,
        processes: int | None = None,
        folder: Path | None = None,
        progress: OnReplications | None = None,
    ) -> Sensitivity:
        """
        Run the analysis; arguments and errors as for `harness.lab.sim.sweep.sweep.SweepPlan.run`.

        Raises:
            ValueError: Of the system as it is, no batch becomes READY, or the percentile depends on batches
                that had not ended.
        """
        percents = tuple(sorted({*PERCENTS, float(self.percent)}))
        points: list[dict[str, JsonValue]] = [{}]
        points += [{key: value} for key, *values in self.sides for value in values]
        with (
            journal_in(folder, self.system, percents, self.warm_up) as journal,
            executor_of(executor, processes) as workers,
        ):
            replicator = Replicator(self.system, workers, percents, self.warm_up, journal, progress)
            found = replicator(points, range(self.replications))
        base, *cells = (
            Cell(point, several, self.confidence) for point, several in zip(points, found, strict=True)
        )
        base.must_have_ended(self.percent)
        effects = [
            Effect(
                key, low, high, self._effect(cells[2 * place], base), self._effect(cells[2 * place + 1], base)
            )
            for place, (key, low, high) in enumerate(self.sides)
        ]
        effects.sort(key=lambda effect: -effect.swing)
        return Sensitivity(self.system.scenario.name, base, self.percent, self.change, tuple(effects))

    def _effect(self, cell: Cell, base: Cell) -> Estimate | None:
        try:
            return cell.difference(base, self.percent)
        except ValueError:
            return None
