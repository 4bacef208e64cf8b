"""
Elementary effects by the method of Morris: how much a percentile of the time to READY changes with each
parameter, while the others have many different values.

A tornado changes one parameter of one system. Morris walks through the space of all parameters: a large σ
says that the effect of a parameter depends on itself or on the others. The design is that of SALib (extra
``sensitivity``). All points have the same random numbers.

Source:
    Morris 1991, Technometrics 33; μ*: Campolongo, Cariboni and Saltelli 2007.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue
from scipy import stats

from harness.lab.sim.sweep.executors import executor_of
from harness.lab.sim.sweep.parameters import VariableSystem, text_of
from harness.lab.sim.sweep.replication_summary import PERCENTS
from harness.lab.sim.sweep.replicator import Replicator
from harness.lab.sim.sweep.scaled_values import changed_values, scaled
from harness.lab.sim.sweep.sweep import Cell, OnReplications, journal_in, must_leave_arrivals

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client
    from numpy.typing import NDArray

LEVELS = 4
"""Values of each parameter, from the smallest to the largest."""

TRAJECTORIES_MIN = 2

RESAMPLES = 1000
"""Resamples of the trajectories, for the confidence interval of μ*."""


@dataclass(frozen=True, slots=True)
class ElementaryEffect:
    """
    The effect of one parameter, from its smallest to its largest value [s].

    Attributes:
        mu: Mean effect, with its sign.
        mu_star: Mean of the effects without their sign.
        mu_star_half_width: Half-width of its confidence interval, by bootstrap over the trajectories.
        sigma: Standard deviation of the effects.
    """

    key: str
    low_value: JsonValue
    high_value: JsonValue
    mu: float
    mu_star: float
    mu_star_half_width: float
    sigma: float


@dataclass(frozen=True)
class ElementaryEffects:
    """The effects of parameters, the greatest first."""

    scenario_name: str
    percent: float
    change: float
    trajectories: int
    effects: tuple[ElementaryEffect, ...]

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per parameter [s]."""
        import pandas as pd  # heavy: imported only when a frame is needed

        times = {name: f"{name}_s" for name in ("mu", "mu_star", "mu_star_half_width", "sigma")}
        return pd.DataFrame([asdict(each) for each in self.effects]).rename(
            columns={"key": "parameter", **times}
        )


@dataclass(frozen=True)
class ElementaryEffectsPlan:
    """
    The plan of a screening.

    Args:
        parameters: Keys as for ``--set``, or ``rate``. Their values are numbers or distributions.
        change: Each lies between this part below and above its value; a whole number at least by one.
        trajectories: Walks through the space of the parameters; each has a point more than parameters.

    Raises:
        ModuleNotFoundError: SALib is not installed.
        ValueError: A key has no value that can be scaled, or a number is invalid.
    """

    system: VariableSystem
    parameters: Sequence[str]
    _: KW_ONLY
    change: float = 0.2
    percent: float = 95
    trajectories: int = 10
    replications: int = 10
    warm_up: float | None = None
    confidence: float = 0.95
    points: list[dict[str, JsonValue]] = field(init=False)
    design: "NDArray[np.float64]" = field(init=False)

    def __post_init__(self) -> None:
        if not 0 < self.change < 1:
            raise ValueError(f"a relative change lies between 0 and 1, e.g. 0.2, not {self.change:g}")
        if self.trajectories < TRAJECTORIES_MIN or self.replications < 1:
            raise ValueError(
                f"Morris needs at least {TRAJECTORIES_MIN} trajectories and a replication, not "
                f"{self.trajectories} and {self.replications}"
            )
        if len(self._keys) < 2:
            raise ValueError("Morris needs at least two parameters; for one, sweep it")
        must_leave_arrivals(self.warm_up, self.system.scenario.duration_s)
        base = {key: self.system.value_at_base(key) for key in self._keys}
        for key in self._keys:
            changed_values(self.system, key, self.change)
        design = _sample(self._problem, self.trajectories, self.system.scenario.seed)
        object.__setattr__(self, "design", design)
        object.__setattr__(
            self,
            "points",
            [
                {key: self._value(key, base[key], float(share)) for key, share in zip(base, row, strict=True)}
                for row in design
            ],
        )

    @property
    def total(self) -> int:
        """Number of replications of all different points."""
        return len({text_of(point) for point in self.points}) * self.replications

    def run(
        self,
        executor: "str | Client | None" = None,
        *,
        processes: int | None = None,
        folder: Path | None = None,
        progress: OnReplications | None = None,
    ) -> ElementaryEffects:
        """Run the screening; arguments and errors as for `harness.lab.sim.sweep.sweep.SweepPlan.run`."""
        percents = tuple(sorted({*PERCENTS, float(self.percent)}))
        different = {text_of(point): point for point in self.points}
        with (
            journal_in(folder, self.system, percents, self.warm_up) as journal,
            executor_of(executor, processes) as workers,
        ):
            replicator = Replicator(self.system, workers, percents, self.warm_up, journal, progress)
            found = replicator([*different.values()], range(self.replications))
        figures = {
            text: Cell(different[text], several, self.confidence).percentile(self.percent).value
            for text, several in zip(different, found, strict=True)
        }
        outputs = np.array([figures[text_of(point)] for point in self.points])
        return self._analysed(outputs)

    def _analysed(self, outputs: "NDArray[np.float64]") -> ElementaryEffects:
        score = float(stats.norm.ppf((1 + self.confidence) / 2))
        rng = np.random.default_rng(self.system.scenario.seed)
        chosen = rng.integers(self.trajectories, size=(RESAMPLES, self.trajectories))
        base = {key: self.system.value_at_base(key) for key in self._keys}
        effects = []
        for key, found in zip(self._keys, elementary_effects(self._shares, outputs), strict=True):
            sizes = np.abs(found)
            effects.append(
                ElementaryEffect(
                    key,
                    self._value(key, base[key], 0.0),
                    self._value(key, base[key], 1.0),
                    mu=float(found.mean()),
                    mu_star=float(sizes.mean()),
                    mu_star_half_width=score * float(sizes[chosen].mean(axis=1).std(ddof=1)),
                    sigma=float(found.std(ddof=1)),
                )
            )
        effects.sort(key=lambda effect: -effect.mu_star)
        return ElementaryEffects(
            self.system.scenario.name, self.percent, self.change, self.trajectories, tuple(effects)
        )

    @property
    def _shares(self) -> "NDArray[np.float64]":
        """
        Return where each point lies between the smallest and the largest value of each parameter [0…1].

        Of a whole number it is not the share of the design, because its values are rounded.
        """
        shares = self.design.copy()
        for place, key in enumerate(self._keys):
            base = self.system.value_at_base(key)
            low, high = (self._value(key, base, share) for share in (0.0, 1.0))
            if isinstance(low, int) and isinstance(high, int):
                values = np.array([point[key] for point in self.points], dtype=np.float64)
                shares[:, place] = (values - low) / (high - low)
        return shares

    @property
    def _keys(self) -> list[str]:
        return list(dict.fromkeys(self.parameters))

    @property
    def _problem(self) -> dict[str, Any]:
        count = len(self._keys)
        return {"num_vars": count, "names": self._keys, "bounds": [[0.0, 1.0]] * count}

    def _value(self, key: str, base: Any, share: float) -> JsonValue:
        """Return the value at a share of the way from the smallest to the largest one."""
        low, high = (scaled(key, base, 1 + sign * self.change) for sign in (-1, 1))
        if isinstance(low, int) and isinstance(high, int):
            return low + round(share * (high - low))
        return scaled(key, base, 1 + (2 * share - 1) * self.change)


def elementary_effects(
    shares: "NDArray[np.float64]", outputs: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """
    Return the effect of each parameter in each trajectory, from its smallest to its largest value.

    Args:
        shares: Shape (trajectories × (parameters + 1), parameters): the points of one trajectory follow each
            other, and each differs from the one before in one parameter.
        outputs: Shape (trajectories × (parameters + 1),).

    Returns:
        Shape (parameters, trajectories).
    """
    count = shares.shape[1]
    steps = np.diff(shares.reshape(-1, count + 1, count), axis=1)
    changes = np.diff(outputs.reshape(-1, count + 1), axis=1)
    changed = np.abs(steps).argmax(axis=2)
    taken = np.take_along_axis(steps, changed[:, :, None], axis=2)[:, :, 0]
    effects = np.empty((count, len(steps)))
    effects[changed, np.arange(len(steps))[:, None]] = changes / taken
    return effects


def _sample(problem: dict[str, Any], trajectories: int, seed: int) -> "NDArray[np.float64]":
    try:
        from SALib.sample import morris
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "SALib":
            raise
        raise ModuleNotFoundError(
            "the method of Morris needs SALib: pip install 'media-harness[sensitivity]'", name="SALib"
        ) from None
    return np.asarray(morris.sample(problem, trajectories, num_levels=LEVELS, seed=seed % 2**32))
