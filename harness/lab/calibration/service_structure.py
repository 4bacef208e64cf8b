"""
How a service time may be made of a fixed part and a part for each unit of work: S = F + x · U.

F and U are independent, x is the amount of work (files, megapixels, …), known for each observation. The
density of a sum with two random parts is a sum over the quantiles of U.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from harness.lab.calibration.duration_family import (
    CONSTANT,
    GAMMA,
    LOGNORMAL,
    NEVER,
    UNIFORM,
    DurationFamily,
    Floats,
)

EDGES = special.ndtr(np.linspace(-3.3, 3.3, 41))
"""Probabilities of the quantiles between which the part per unit is taken as uniform; closer in the tails."""

WEIGHTS = np.diff(EDGES) / np.diff(EDGES).sum()


@dataclass(frozen=True, slots=True)
class ServiceStructure:
    """
    The families of the two parts; None for a part that is not there.

    Attributes:
        amount: The parameter of a service model for the part per unit, e.g. ``per_megapixel_s``.
    """

    fixed: DurationFamily | None
    unit: DurationFamily | None = None
    amount: str | None = None

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(len(part.parameters) for part in (self.fixed, self.unit) if part is not None)

    @property
    def name(self) -> str:
        """The structure in words, e.g. ``lognormal + lognormal per_megapixel_s``."""
        unit = f"{self.unit.name} {self.amount}" if self.unit is not None else ""
        return " + ".join(filter(None, (self.fixed.name if self.fixed else "", unit)))

    def parts(self, at: Floats) -> tuple[Floats, Floats]:
        """Return the parameters of the fixed part, and those of the part per unit."""
        count = len(self.fixed.parameters) if self.fixed else 0
        return at[:count], at[count:]

    def start(self, times: Floats, amounts: Floats) -> Floats:
        """Return a first guess of all parameters, from a straight line through the observations."""
        if self.unit is None or self.fixed is None:
            sample = times if self.unit is None else times / amounts
            family = self.fixed or self.unit
            assert family is not None  # noqa: S101 - a structure has a part
            return family.start(sample)
        slope, base = np.polyfit(amounts, times, 1)
        least = float(np.quantile(times, 0.01))
        base = float(np.clip(base, 0.02 * least, 0.9 * least))
        slope = max(float(slope), 0.02 * float(times.mean() / amounts.mean()))
        residuals = np.maximum(times - slope * amounts, 0.05 * base)
        # The spread of one unit, so that it does not hide that of the fixed part.
        units = slope * np.linspace(0.5, 1.5, 50)
        return np.concatenate(
            [
                self.fixed.start(np.array([base]) if self.fixed is CONSTANT else residuals),
                self.unit.start(np.array([slope]) if self.unit is CONSTANT else units),
            ]
        )

    def log_density(self, at: Floats, times: Floats, amounts: Floats) -> Floats:
        """Return the logarithm of the density of each time, given its amount."""
        first, second = self.parts(at)
        if self.unit is None:
            assert self.fixed is not None  # noqa: S101 - a structure has a part
            return self.fixed.log_density(first, times)
        if self.fixed is None:
            return _per_unit(self.unit, second, times, amounts, 0.0)
        if self.fixed is CONSTANT:
            return _per_unit(self.unit, second, times, amounts, float(np.exp(first[0])))
        if self.unit is CONSTANT:
            return self.fixed.log_density(first, times - np.exp(second[0]) * amounts)
        return self._of_sum(first, second, times, amounts)

    def _of_sum(self, first: Floats, second: Floats, times: Floats, amounts: Floats) -> Floats:
        """
        Return the logarithm of the density with two random parts.

        U is uniform between two of its quantiles: the density is then a difference of F's distribution.
        """
        assert self.fixed is not None  # noqa: S101 - both parts are random
        assert self.unit is not None  # noqa: S101
        found = self.fixed.log_density(first, times)
        some = amounts > 0
        edges = amounts[some, None] * self.unit.quantile(second, EDGES)
        below = self.fixed.below(first, times[some, None] - edges)
        density = ((below[:, :-1] - below[:, 1:]) / np.maximum(np.diff(edges), 1e-300) * WEIGHTS).sum(axis=1)
        found[some] = np.maximum(np.log(np.maximum(density, 1e-300)), NEVER)
        return found

    def below(self, at: Floats, times: Floats, amounts: Floats) -> Floats:
        """Return the cumulative distribution [0…1] of each time, given its amount."""
        first, second = self.parts(at)
        if self.unit is None:
            assert self.fixed is not None  # noqa: S101 - a structure has a part
            return self.fixed.below(first, times)
        if self.fixed is None:
            return self.unit.below(second, times / amounts)
        if self.fixed is CONSTANT:
            return self.unit.below(second, (times - np.exp(first[0])) / amounts)
        units = self.unit.quantile(second, (EDGES[1:] + EDGES[:-1]) / 2)
        placed: Floats = self.fixed.below(first, times[:, None] - amounts[:, None] * units) @ WEIGHTS
        return placed


def _per_unit(
    unit: DurationFamily, at: Floats, times: Floats, amounts: Floats, base: Floats | float
) -> Floats:
    """Return the logarithm of the density of ``base + x · U``."""
    found = unit.log_density(at, (times - base) / amounts)
    return np.where(found > NEVER, found - np.log(amounts), NEVER)


def structures_without_work() -> list[ServiceStructure]:
    """Return the structures of a time that does not depend on an amount of work."""
    return [ServiceStructure(family) for family in (LOGNORMAL, GAMMA)]


def structures_with_work(amount: str, *, without_any: bool) -> list[ServiceStructure]:
    """
    Return the structures of a time that depends on an amount of work, the simplest first.

    Args:
        without_any: Some observations have none of this work: their time is the fixed part alone.
    """
    found = [ServiceStructure(LOGNORMAL, family, amount) for family in (CONSTANT, LOGNORMAL, UNIFORM)]
    if without_any:
        return found
    proportional = [ServiceStructure(None, family, amount) for family in (LOGNORMAL, GAMMA)]
    return [*proportional, ServiceStructure(CONSTANT, LOGNORMAL, amount), *found]
