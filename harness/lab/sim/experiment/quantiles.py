"""
Estimates of a simulation with confidence intervals.

The sojourn times of one run depend on each other, so they are not an independent sample: if they are treated
as one, a "95 %" interval covers the true value one time in ten. Replications with random numbers of their own
are independent; every interval here is computed from one number per replication.

Units are those of the values.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy import stats

from harness.lab.results.percentile import percentile

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
    """

    value: float
    half_width: float
    standard_error: float
    replications: int
    confidence: float = 0.95
    at_least: bool = False

    @property
    def low(self) -> float:
        return self.value - self.half_width

    @property
    def high(self) -> float:
        return self.value + self.half_width

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
        if self.value + margin <= limit and not self.at_least:
            return LimitResult.PASS
        return LimitResult.FAIL if self.value - margin > limit else LimitResult.INCONCLUSIVE

    def __str__(self) -> str:
        basis = f"{self.confidence:.0%}, {self.replications} replications"
        prefix = "at least " if self.at_least else ""
        return f"{prefix}{self.value:.4g} ± {self.half_width:.2g} ({basis})"


def mean_estimate(values: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean of one number per replication, with Student's confidence interval."""
    array = np.asarray(values, dtype=np.float64)
    return _student(float(array.mean()), array, confidence)


def percentile_estimate(replications: Sequence[Floats], percent: float, confidence: float = 0.95) -> Estimate:
    """
    Return a percentile of the distribution behind all replications; empty ones are left out.

    The value is that of the pooled replications; the interval comes from the deviations of each replication's
    own percentile (sectioning).

    Raises:
        ValueError: Every replication is empty.

    Source:
        Asmussen and Glynn, Stochastic Simulation, III.5; Nakayama 2014 on sectioning.
    """
    kept = [np.asarray(values, dtype=np.float64) for values in replications if len(values)]
    if not kept:
        raise ValueError("no replication has a value")
    pooled = percentile(np.concatenate(kept), percent)
    return _student(pooled, np.array([percentile(values, percent) for values in kept]), confidence)


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
