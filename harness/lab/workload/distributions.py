"""
Distributions a scenario can name, each sampled by inverting its cumulative distribution.

One uniform draw gives one value, so keyed draws stay synchronised whatever the distribution, and
``sample`` is monotone in the draw. Units are those of the field that holds the distribution, whose type (see
`harness.lab.workload.quantities`) says what its values may be.
``min`` and ``max`` truncate: the distribution is conditioned on that interval, not clipped to it.
In a scenario a bare number is a constant.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import accumulate
from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    model_validator,
)
from typing_extensions import TypeAliasType

from harness.lab.workload import normal

Probability = Annotated[float, Field(ge=0, le=1)]

TAIL = 1e-12
"""Probability cut off a discrete distribution that has no largest value."""

RARE = 1e-9
"""No run draws so often that what is rarer than this matters to it."""


class _Distribution(BaseModel):
    """What every distribution answers."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, serialize_by_alias=True, validate_by_name=True
    )

    def sample(self, u: float) -> float:
        """Return the value that belongs to a uniform draw 0 < *u* < 1."""
        raise NotImplementedError

    def samples(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `sample` of each draw, bit for bit; some distributions are quicker at many."""
        return np.array([self.sample(u) for u in draws.ravel().tolist()]).reshape(draws.shape)

    @property
    def mean(self) -> float:
        """The expected value."""
        raise NotImplementedError

    @property
    def lowest(self) -> float:
        """No value is below it."""
        raise NotImplementedError

    @property
    def highest(self) -> float:
        """No value is above it but with the probability `RARE`."""
        try:
            return self.sample(1 - RARE)
        except OverflowError:
            return math.inf

    def quantile(self, p: float) -> float:
        """Return the smallest value not exceeded with probability *p*, 0 < p < 1."""
        if not 0 < p < 1:
            raise ValueError(f"p must be between 0 and 1, not {p}")
        return self.sample(p)


class Constant(_Distribution):
    """Always the same value."""

    distribution: Literal["constant"] = "constant"
    value: float

    def sample(self, u: float) -> float:  # noqa: ARG002 - a constant needs no draw
        return self.value

    @property
    def mean(self) -> float:
        return self.value

    @property
    def lowest(self) -> float:
        return self.value


class Uniform(_Distribution):
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

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def lowest(self) -> float:
        return self.low


class Triangular(_Distribution):
    """Between *low* and *high*, most often near *mode*."""

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
    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3

    @property
    def lowest(self) -> float:
        return self.low


class _Truncated(_Distribution):
    """A positive continuous distribution conditioned on ``min``…``max``."""

    min: NonNegativeFloat = Field(0.0, description="Smallest value; the rest is conditioned on it.")
    max: PositiveFloat | None = Field(None, description="Largest value; none by default.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        require(self.max is None or self.min < self.max, "min must be below max")
        require(self._above > self._below, "min and max leave no probability between them")
        return self

    def sample(self, u: float) -> float:
        if self.max is None and self.min == 0:
            return self._inverse(u)
        below, width, low, high = self._interval
        value = self._inverse(below + u * width)
        # Rounding near the bounds must not leave the interval.
        return low if value < low else high if value > high else value

    @property
    def mean(self) -> float:
        part = self._partial_mean(math.inf if self.max is None else self.max) - self._partial_mean(self.min)
        return part / (self._above - self._below)

    @property
    def lowest(self) -> float:
        return self.min

    @cached_property
    def _interval(self) -> tuple[float, float, float, float]:
        """Probability below it and in it; its bounds."""
        bound = math.inf if self.max is None else self.max
        return self._below, self._above - self._below, self.min, bound

    @cached_property
    def _below(self) -> float:
        return self._cdf(self.min)

    @cached_property
    def _above(self) -> float:
        return 1.0 if self.max is None else self._cdf(self.max)

    def _cdf(self, x: float) -> float:
        raise NotImplementedError

    def _inverse(self, p: float) -> float:
        raise NotImplementedError

    def _partial_mean(self, x: float) -> float:
        """Return ∫₀ˣ t f(t) dt of the untruncated distribution."""
        raise NotImplementedError


class Exponential(_Truncated):
    """Memoryless; *scale* is the mean before truncation."""

    distribution: Literal["exponential"] = "exponential"
    scale: PositiveFloat = Field(description="Mean before truncation.")

    def _cdf(self, x: float) -> float:
        return -math.expm1(-x / self.scale)

    def _inverse(self, p: float) -> float:
        return -math.log1p(-p) * self.scale if p < 1 else math.inf

    def _partial_mean(self, x: float) -> float:
        return self.scale if x == math.inf else self.scale - (x + self.scale) * math.exp(-x / self.scale)


class Lognormal(_Truncated):
    """The logarithm is normal: half the values exceed *median*, *sigma* is the spread of the logarithm."""

    distribution: Literal["lognormal"] = "lognormal"
    median: PositiveFloat
    sigma: PositiveFloat = Field(description="Standard deviation of the natural logarithm.")

    def _cdf(self, x: float) -> float:
        return normal.cdf(self._score(x))

    def _inverse(self, p: float) -> float:
        if 0.0 < p < 1.0:
            return self.median * math.exp(self.sigma * normal.quantile(p))
        return math.inf if p >= 1 else 0.0

    def samples(self, draws: NDArray[np.float64]) -> NDArray[np.float64]:
        below, width, low, high = self._interval
        inside = draws if self.max is None and self.min == 0 else below + draws * width
        if not ((inside > 0) & (inside < 1)).all():
            return super().samples(draws)
        scores = self.sigma * normal.quantiles(inside)
        # Not numpy's exponential, whose last bit may differ from one machine to another.
        values = self.median * np.array([math.exp(score) for score in scores.ravel().tolist()])
        return np.clip(values, low, high).reshape(draws.shape)

    def _partial_mean(self, x: float) -> float:
        return self.median * math.exp(self.sigma**2 / 2) * normal.cdf(self._score(x) - self.sigma)

    def _score(self, x: float) -> float:
        if x in (0, math.inf):
            return math.inf if x else -math.inf
        return math.log(x / self.median) / self.sigma


class Gamma(_Truncated):
    """A sum of *shape* exponential phases of mean *scale*; *shape* need not be whole."""

    distribution: Literal["gamma"] = "gamma"
    shape: PositiveFloat
    scale: PositiveFloat

    def _cdf(self, x: float) -> float:
        from scipy.special import gammainc

        return float(gammainc(self.shape, x / self.scale))

    def _inverse(self, p: float) -> float:
        from scipy.special import gammaincinv

        return float(gammaincinv(self.shape, p)) * self.scale

    def _partial_mean(self, x: float) -> float:
        from scipy.special import gammainc

        return self.shape * self.scale * float(gammainc(self.shape + 1, x / self.scale))


class _Counts(_Distribution):
    """Whole numbers ``min``…``max``, by a table of cumulative probabilities."""

    min: int = Field(0, ge=0, description="Smallest count; the rest is conditioned on it.")
    max: int | None = Field(None, ge=0, le=1_000_000, description="Largest count; none by default.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        require(self.max is None or self.min <= self.max, "min must not exceed max")
        require(bool(self._table), "min and max leave no probability between them")
        return self

    def sample(self, u: float) -> int:
        # The last entry of the table is 1 up to rounding: never look past it.
        return self.min + min(bisect_left(self._table, u), len(self._table) - 1)

    @property
    def mean(self) -> float:
        return self.min + math.fsum(1 - below for below in self._table[:-1])

    @property
    def lowest(self) -> float:
        return self.min

    @cached_property
    def _table(self) -> list[float]:
        masses = _masses(self._log_mass, self.min, self.max, self._peak)
        total = math.fsum(masses)
        return [below / total for below in accumulate(masses)] if total > 0 else []

    @property
    def _peak(self) -> float:
        """A count beyond which probabilities only fall."""
        raise NotImplementedError

    def _log_mass(self, count: int) -> float:
        raise NotImplementedError


class NegativeBinomial(_Counts):
    """
    Counts that vary more than Poisson's: variance = mean + mean²/dispersion, before truncation.
    """

    distribution: Literal["negative_binomial"] = "negative_binomial"
    mean_count: float = Field(alias="mean", gt=0, le=100_000, description="Mean before truncation.")
    dispersion: PositiveFloat = Field(description="The smaller, the wilder.")

    @property
    def _peak(self) -> float:
        return self.mean_count

    def _log_mass(self, count: int) -> float:
        k, m = self.dispersion, self.mean_count
        ways = math.lgamma(count + k) - math.lgamma(k) - math.lgamma(count + 1)
        return ways + k * math.log(k / (k + m)) + count * math.log(m / (k + m))


class Poisson(_Counts):
    """Counts of independent rare things; *mean* before truncation."""

    distribution: Literal["poisson"] = "poisson"
    mean_count: float = Field(alias="mean", gt=0, le=100_000, description="Mean before truncation.")

    @property
    def _peak(self) -> float:
        return self.mean_count

    def _log_mass(self, count: int) -> float:
        return count * math.log(self.mean_count) - self.mean_count - math.lgamma(count + 1)


class Binomial(_Counts):
    """How many of *n* independent chances *p* come true."""

    distribution: Literal["binomial"] = "binomial"
    n: int = Field(ge=0, le=1_000_000)
    p: Probability

    @property
    def _peak(self) -> float:
        return self.n

    def _log_mass(self, count: int) -> float:
        if count > self.n or self.p in (0, 1):
            return 0.0 if count == self.n * self.p else -math.inf
        ways = math.lgamma(self.n + 1) - math.lgamma(count + 1) - math.lgamma(self.n - count + 1)
        return ways + count * math.log(self.p) + (self.n - count) * math.log1p(-self.p)


class Empirical(_Distribution):
    """
    One of the observed *values*, equally likely.

    A scenario file may name a CSV file with a column ``value`` instead; it is read with the scenario,
    which is whole from then on.
    """

    distribution: Literal["empirical"] = "empirical"
    values: tuple[float, ...] = ()
    csv: str | None = Field(None, description="File with the values, beside the scenario file.")

    @model_validator(mode="after")
    def _any(self) -> Self:
        require(bool(self.values), "an empirical distribution needs at least one value")
        return self

    def sample(self, u: float) -> float:
        return self._ordered[math.ceil(u * len(self._ordered)) - 1]

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    @property
    def lowest(self) -> float:
        return self._ordered[0]

    @cached_property
    def _ordered(self) -> list[float]:
        return sorted(self.values)


def _bare_number(value: Any) -> Any:
    """Read a bare number as a constant."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Constant(value=value)
    require(isinstance(value, Mapping | _Distribution), "must be a number or a table that has a distribution")
    require(
        isinstance(value, _Distribution) or "distribution" in value,
        f"has no distribution; known are {', '.join(map(repr, _NAMES))}",
    )
    return value


_Named = Annotated[
    Constant
    | Uniform
    | Triangular
    | Exponential
    | Lognormal
    | Gamma
    | NegativeBinomial
    | Poisson
    | Binomial
    | Empirical,
    Field(discriminator="distribution"),
]

_NAMES = tuple(each.model_fields["distribution"].default for each in get_args(get_args(_Named)[0]))

Distribution = TypeAliasType(
    "Distribution", Annotated[_Named, BeforeValidator(_bare_number, json_schema_input_type=float | _Named)]
)
"""Any of the above, chosen by its key ``distribution``; a bare number is a constant."""


def _masses(log_mass: Callable[[int], float], first: int, last: int | None, peak: float) -> list[float]:
    masses: list[float] = []
    count = first
    while last is None or count <= last:
        mass = math.exp(log_mass(count))
        if last is None and count > peak and mass < TAIL:
            break
        masses.append(mass)
        count += 1
    return masses


def require(condition: bool, message: str) -> None:
    """
    Make sure of something a distribution must be.

    Raises:
        ValueError: It is not; with the message.
    """
    if not condition:
        raise ValueError(message)
