"""The arrivals of executions: their rate, and whether they are a Poisson process. Times in seconds."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.lab.calibration.duration_family import Floats

UNUSUAL = 0.01
"""Below this probability the interarrival times are not exponential."""


@dataclass(frozen=True, eq=False)
class ArrivalProcess:
    """
    The arrivals of executions.

    Attributes:
        at: When each execution began, from the first one on, shape (executions,).
        rate: Mean arrival rate [1/s], with its 95 % *interval*; not a number for a single arrival.
        variation: Squared coefficient of variation of the interarrival times; 1 for a Poisson process.
        is_poisson: Whether the interarrival times may be exponential.
    """

    at: Floats
    rate: float
    interval: tuple[float, float]
    variation: float
    is_poisson: bool

    @classmethod
    def of(cls, at: Floats) -> "ArrivalProcess":
        """Return the process of arrivals in ascending order."""
        at = at - at[0]
        gaps = np.diff(at)
        if gaps.size < 2 or at[-1] <= 0:
            return cls(at, float("nan"), (0.0, float("inf")), float("nan"), is_poisson=False)
        rate = gaps.size / float(at[-1])
        variation = float(gaps.var(ddof=1) / gaps.mean() ** 2)
        is_poisson = bool(stats.kstest(gaps * rate, "expon").pvalue > UNUSUAL)
        return cls(at, rate, _interval(gaps, rate, variation, is_poisson=is_poisson), variation, is_poisson)

    @property
    def text(self) -> str:
        """The process in words."""
        low, high = self.interval
        kind = "a Poisson process" if self.is_poisson else "no Poisson process"
        return (
            f"{self.at.size} arrivals in {self.at[-1]:.6g} s: {self.rate:.4g}/s ({low:.4g} to {high:.4g}), "
            f"squared variation of the interarrival times {self.variation:.3g}: {kind}"
        )


def _interval(gaps: Floats, rate: float, variation: float, *, is_poisson: bool) -> tuple[float, float]:
    if is_poisson:
        # The time of n arrivals of a Poisson process has a gamma distribution.
        low, high = stats.chi2.ppf([0.025, 0.975], 2 * gaps.size) / (2 * gaps.sum())
        return float(low), float(high)
    score = float(stats.t.ppf(0.975, gaps.size - 1)) * np.sqrt(variation / gaps.size)
    return max(0.0, rate * (1 - score)), rate * (1 + score)
