"""Distributions of whole numbers. ``min`` and ``max`` condition the distribution on an interval."""

import math
from bisect import bisect_left
from functools import cached_property
from itertools import accumulate
from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from harness.lab.workload.distributions.base_distribution import BaseDistribution, Probability, require

TAIL = 1e-12
"""Probability that is cut off from a distribution without a largest value."""

LARGEST = 1_000_000
"""The largest ``min``, ``max`` and number of trials: the table has an entry for each count."""

MOST_DISPERSED = 10_000
"""The largest mean/dispersion: the table has about 30 times as many entries."""

NEARLY_POISSON = 1e5
"""Dispersion from which the difference of two logarithms of the gamma function is not accurate."""


class _Counts(BaseDistribution):
    """Whole numbers ``min``…``max``, sampled with a table of cumulative probabilities."""

    min: int = Field(
        0, ge=0, le=LARGEST, description="Smallest count; the distribution is conditioned on it."
    )
    max: int | None = Field(None, ge=0, le=LARGEST, description="Largest count; by default there is none.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        require(self.max is None or self.min <= self.max, "min must not exceed max")
        require(bool(self.table), "min and max leave no probability between them")
        return self

    def sample(self, u: float) -> int:
        # The last entry of the table is 1 up to rounding: never look beyond it.
        return self.min + min(bisect_left(self.table, u), len(self.table) - 1)

    @property
    def lowest(self) -> float:
        return self.min

    @cached_property
    def table(self) -> list[float]:
        """The cumulative probabilities of min, min + 1, …; empty if they are all zero."""
        masses: list[float] = []
        count = self.min
        while self.max is None or count <= self.max:
            mass = math.exp(self._log_mass(count))
            if self.max is None and count > self._peak and mass < TAIL:
                break
            masses.append(mass)
            count += 1
        total = math.fsum(masses)
        return [below / total for below in accumulate(masses)] if total > 0 else []

    @property
    def _peak(self) -> float:
        """A count beyond which probabilities only decrease."""
        raise NotImplementedError

    def _log_mass(self, count: int) -> float:
        raise NotImplementedError


class _CountsOfMean(_Counts):
    """Counts given by their mean."""

    mean: float = Field(gt=0, le=100_000, description="Mean before truncation.")

    @property
    def _peak(self) -> float:
        return self.mean


class NegativeBinomial(_CountsOfMean):
    """Counts that vary more than Poisson's: variance = mean + mean²/dispersion, before truncation."""

    distribution: Literal["negative_binomial"] = "negative_binomial"
    dispersion: float = Field(ge=0.001, description="The smaller it is, the more the counts vary.")

    @field_validator("dispersion")
    @classmethod
    def _has_a_short_tail(cls, dispersion: float, info: ValidationInfo) -> float:
        mean = info.data.get("mean", 0.0)
        require(
            mean <= MOST_DISPERSED * dispersion,
            f"must be at least {mean / MOST_DISPERSED:.6g}, a {MOST_DISPERSED:,}th of the mean",
        )
        return dispersion

    def _log_mass(self, count: int) -> float:
        k, m = self.dispersion, self.mean
        if k > NEARLY_POISSON:
            # Stirling's formula for Γ(count + k)/Γ(k), its large terms cancelled; the next is below 1e-17.
            powers = (k - 0.5) * math.log1p(count / k) - k * math.log1p(m / k) - count
            powers += count * math.log(m) + count * math.log1p((count - m) / (k + m))
            return powers + (1 / (count + k) - 1 / k) / 12 - math.lgamma(count + 1)
        ways = math.lgamma(count + k) - math.lgamma(k) - math.lgamma(count + 1)
        return ways + k * math.log(k / (k + m)) + count * math.log(m / (k + m))


class Poisson(_CountsOfMean):
    """Counts of rare independent events."""

    distribution: Literal["poisson"] = "poisson"

    def _log_mass(self, count: int) -> float:
        return count * math.log(self.mean) - self.mean - math.lgamma(count + 1)


class Binomial(_Counts):
    """The number of successes in *n* independent trials of probability *p*."""

    distribution: Literal["binomial"] = "binomial"
    n: int = Field(ge=0, le=LARGEST, description="Number of trials.")
    p: Probability = Field(description="Probability of success of one trial.")

    @property
    def _peak(self) -> float:
        return self.n

    def _log_mass(self, count: int) -> float:
        if count > self.n or self.p in (0, 1):
            return 0.0 if count == self.n * self.p else -math.inf
        ways = math.lgamma(self.n + 1) - math.lgamma(count + 1) - math.lgamma(self.n - count + 1)
        return ways + count * math.log(self.p) + (self.n - count) * math.log1p(-self.p)
