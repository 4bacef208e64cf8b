"""
Estimates of a simulation with confidence intervals.

The sojourn times of one run depend on each other, so they are not an independent sample: if they are treated
as one, a "95 %" interval covers the true value one time in ten. Replications with random numbers of their own
are independent; every interval here is computed from one number per replication.

Units are those of the values.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.lab.results.percentile import percentile_of_sorted

Floats = npt.NDArray[np.float64]


class LimitResult(StrEnum):
    """The result of checking a limit."""

    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    A value with its confidence interval.

    Attributes:
        half_width: Half-width of the two-sided interval; infinite with fewer than two replications.
        at_least: Whether the estimate is a lower bound, because some of the values are.
        bounds: The two-sided interval, if it is not symmetric.
        limits: The one-sided bounds of the same confidence, if they are not symmetric.
        refusal: Why there is no interval; empty if there is one.
    """

    value: float
    half_width: float
    standard_error: float
    replications: int
    confidence: float = 0.95
    at_least: bool = False
    bounds: tuple[float, float] | None = None
    limits: tuple[float, float] | None = None
    refusal: str = ""

    @property
    def low(self) -> float:
        return self.value - self.half_width if self.bounds is None else self.bounds[0]

    @property
    def high(self) -> float:
        return self.value + self.half_width if self.bounds is None else self.bounds[1]

    def refused(self, reason: str) -> "Estimate":
        """Return the same value without an interval, but with its lower bound: it is not too high."""
        lower = self.limits[0] if self.limits else -math.inf
        return replace(
            self,
            half_width=math.inf,
            standard_error=math.inf,
            bounds=None,
            limits=(lower, math.inf),
            refusal=reason,
        )

    @property
    def relative_half_width(self) -> float:
        """The half-width divided by the value; infinite if the value is 0."""
        return self.half_width / abs(self.value) if self.value else math.inf

    def check_limit(self, limit: float) -> LimitResult:
        """
        Check that the true value is at most *limit*.

        One-sided confidence bounds decide: PASS if the upper one is at most *limit*, FAIL if the lower one is
        above it. A lower bound (`at_least`) cannot PASS.
        """
        if self.replications < 2:
            return LimitResult.INCONCLUSIVE
        margin = float(stats.t.ppf(self.confidence, self.replications - 1)) * self.standard_error
        low, high = self.limits or (self.value - margin, self.value + margin)
        if high <= limit and not self.at_least:
            return LimitResult.PASS
        return LimitResult.FAIL if low > limit else LimitResult.INCONCLUSIVE

    def __str__(self) -> str:
        basis = f"{self.confidence:.0%}, {self.replications} replications"
        prefix = "at least " if self.at_least else ""
        if self.refusal:
            return f"{prefix}{self.value:.4g}, without an interval: {self.refusal}"
        if math.isinf(self.half_width):
            return f"{prefix}{self.value:.4g}, without an interval ({basis}: more are needed)"
        return f"{prefix}{self.value:.4g} ± {self.half_width:.2g} ({basis})"


def mean_estimate(values: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean of one number per replication, with Student's confidence interval."""
    array = np.asarray(values, dtype=np.float64)
    return _student(float(array.mean()), array, confidence)


def percentile_estimate(replications: Sequence[Floats], percent: float, confidence: float = 0.95) -> Estimate:
    """
    Return a percentile of the distribution behind all replications; empty ones are left out.

    The value is that of the pooled replications. The interval comes from the share of each replication's
    values up to it: unlike the percentiles of short replications, which are too low, shares have no bias.

    Raises:
        ValueError: Every replication is empty.

    Source:
        Asmussen and Glynn, Stochastic Simulation, III.4: the interval of a share, inverted.
    """
    kept = [np.asarray(values, dtype=np.float64) for values in replications if len(values)]
    if not kept:
        raise ValueError("no replication has a value")
    pooled = np.sort(np.concatenate(kept))
    value, count = percentile_of_sorted(pooled, percent), len(kept)
    if count < 2:
        return Estimate(value, math.inf, math.inf, count, confidence)
    sizes = np.array([values.size for values in kept], dtype=np.float64)
    below = np.array([(values <= value).sum() for values in kept], dtype=np.float64)
    # A ratio of means over replications of different sizes.
    deviations = (below - below.sum() / sizes.sum() * sizes) / sizes.mean()
    error = float(np.sqrt((deviations**2).sum() / (count - 1) / count))

    def bounds(factor: float) -> tuple[float, float]:
        return _at(pooled, percent - 100 * factor * error), _at(pooled, percent + 100 * factor * error)

    factor = float(stats.t.ppf((1 + confidence) / 2, count - 1))
    low, high = bounds(factor)
    limits = bounds(float(stats.t.ppf(confidence, count - 1)))
    half_width = (high - low) / 2 if math.isfinite(high - low) else math.inf
    return Estimate(
        value, half_width, half_width / factor, count, confidence, bounds=(low, high), limits=limits
    )


def _at(ordered: Floats, percent: float) -> float:
    """Return a percentile of ascending values; infinite beyond the largest or before the smallest one."""
    if percent <= 0:
        return -math.inf
    return math.inf if percent >= 100 else percentile_of_sorted(ordered, percent)


def paired_difference(ours: Sequence[float], theirs: Sequence[float], confidence: float = 0.95) -> Estimate:
    """Return the mean of *ours* minus *theirs* by replication: noise that is in both cancels."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} replications cannot be paired with {len(theirs)}")
    return mean_estimate(np.asarray(ours, float) - np.asarray(theirs, float), confidence)


def _student(value: float, sections: Floats, confidence: float) -> Estimate:
    count = sections.size
    if count < 2:
        return Estimate(value, math.inf, math.inf, count, confidence)
    # Deviations from the pooled value, not from the sections' mean: their bias then widens the interval.
    variance = float(((sections - value) ** 2).sum()) / (count - 1)
    error = math.sqrt(variance / count)
    factor = float(stats.t.ppf((1 + confidence) / 2, count - 1))
    return Estimate(value, factor * error, error, count, confidence)
