"""
Continuous and observed distributions. ``min`` and ``max`` condition one on an interval; they do not clip.

SciPy is imported at the first draw that needs it: it takes 0.1 s, and most commands draw nothing.
"""

import math
from functools import cache, cached_property
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from harness.lab.workload.distributions.base_distribution import RARE, BaseDistribution, require
from harness.lab.workload.distributions.gamma_quantile import gamma_quantile


class Uniform(BaseDistribution):
    """Any value of an interval, equally likely."""

    distribution: Literal["uniform"] = "uniform"
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require(self.low <= self.high, "low must not exceed high")
        return self

    def sample(self, u: float) -> float:
        return self.low + u * (self.high - self.low)

    def samples(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.low + draws * (self.high - self.low))

    @property
    def lowest(self) -> float:
        return self.low


class Triangular(BaseDistribution):
    """Values between *low* and *high*, most often near *mode*."""

    distribution: Literal["triangular"] = "triangular"
    low: float
    mode: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require(self.low <= self.mode <= self.high, "low, mode and high must be in this order")
        require(self.low < self.high, "low must be below high")
        return self

    def sample(self, u: float) -> float:
        width, rise = self.high - self.low, self.mode - self.low
        if u * width < rise:
            return self.low + math.sqrt(u * width * rise)
        return self.high - math.sqrt((1 - u) * width * (self.high - self.mode))

    @property
    def lowest(self) -> float:
        return self.low


class _Truncated(BaseDistribution):
    """A positive continuous distribution conditioned on ``min``…``max``."""

    min: NonNegativeFloat = Field(0.0, description="Smallest value; the distribution is conditioned on it.")
    max: PositiveFloat | None = Field(None, description="Largest value; by default there is none.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require(self.max is None or self.min < self.max, "min must be below max")
        require(self.interval[1] > 0, "min and max leave no probability between them")
        return self

    def sample(self, u: float) -> float:
        if self.max is None and self.min == 0:
            return self._inverse(u)
        below, width, low, high = self.interval
        value = self._inverse(below + u * width)
        # Rounding near the bounds must not leave the interval.
        return low if value < low else high if value > high else value

    @property
    def lowest(self) -> float:
        return self.min

    def rarely_exceeds(self, high: float) -> bool:
        # By the cumulative distribution, not by its inverse: the check of a scenario needs no SciPy.
        below, width, _, _ = self.interval
        return self._cdf(high) >= below + (1 - RARE) * width

    @cached_property
    def interval(self) -> tuple[float, float, float, float]:
        """The probability below the interval, the probability in it, and its bounds."""
        below = self._cdf(self.min)
        if self.max is None:
            return below, 1.0 - below, self.min, math.inf
        return below, self._cdf(self.max) - below, self.min, self.max

    def _cdf(self, x: float) -> float:
        raise NotImplementedError

    def _inverse(self, p: float) -> float:
        raise NotImplementedError


class Exponential(_Truncated):
    """Memoryless values; *scale* is the mean before truncation."""

    distribution: Literal["exponential"] = "exponential"
    scale: PositiveFloat = Field(description="Mean before truncation.")

    def _cdf(self, x: float) -> float:
        return -math.expm1(-x / self.scale)

    def _inverse(self, p: float) -> float:
        return -math.log1p(-p) * self.scale if p < 1 else math.inf


class Lognormal(_Truncated):
    """Values whose logarithm is normal: half of them exceed *median*."""

    distribution: Literal["lognormal"] = "lognormal"
    median: PositiveFloat
    sigma: PositiveFloat = Field(description="Standard deviation of the natural logarithm.")

    def _cdf(self, x: float) -> float:
        # Not SciPy's ndtr: scenarios are checked by commands that draw nothing.
        return 0.5 * math.erfc(-math.log(x / self.median) / self.sigma / math.sqrt(2.0)) if x > 0 else 0.0

    def _inverse(self, p: float) -> float:
        if 0.0 < p < 1.0:
            return self.median * math.exp(self.sigma * float(_ndtri()(p)))
        return math.inf if p >= 1 else 0.0

    def samples(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        below, width, low, high = self.interval
        inside = draws if self.max is None and self.min == 0 else below + draws * width
        if not ((inside > 0) & (inside < 1)).all():
            return super().samples(draws)
        scores = self.sigma * _ndtri()(inside)
        # Not numpy's exponential, whose last bit may differ from one machine to another.
        values = self.median * np.array([*map(math.exp, scores.ravel().tolist())])
        return np.clip(values, low, high).reshape(draws.shape)


class Gamma(_Truncated):
    """A sum of *shape* exponential phases of mean *scale*; *shape* need not be a whole number."""

    distribution: Literal["gamma"] = "gamma"
    shape: PositiveFloat
    scale: PositiveFloat

    def _cdf(self, x: float) -> float:
        from scipy.special import gammainc

        return float(gammainc(self.shape, x / self.scale))

    def _inverse(self, p: float) -> float:
        return gamma_quantile(self.shape, self.log_gamma, p) * self.scale

    @cached_property
    def log_gamma(self) -> float:
        """ln Γ of the shape."""
        return math.lgamma(self.shape)


class Empirical(BaseDistribution):
    """
    One of the observed *values*; each is equally likely.

    A scenario file can name a CSV file with a column ``value`` instead. The file is read with the scenario;
    the loaded scenario contains its values.
    """

    distribution: Literal["empirical"] = "empirical"
    values: tuple[float, ...] = ()
    csv: str | None = Field(
        None, description="CSV file with the values; its path is relative to the scenario file."
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        require(bool(self.values), "an empirical distribution needs at least one value")
        return self

    def sample(self, u: float) -> float:
        return self.ordered[math.ceil(u * len(self.ordered)) - 1]

    @property
    def lowest(self) -> float:
        return self.ordered[0]

    @cached_property
    def ordered(self) -> list[float]:
        """The values in their order."""
        return sorted(self.values)


@cache
def _ndtri() -> Any:
    """Return SciPy's inverse of the standard normal cumulative distribution."""
    from scipy.special import ndtri

    return ndtri
