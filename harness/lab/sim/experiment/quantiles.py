"""
Honest intervals for what a simulation estimates.

The sojourn times of one run wait for each other, so they are no independent sample: treating them as one
gives "95 %" intervals that cover the truth one time in ten. Replications with streams of their own are
independent; every interval here is made of one number per replication.

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


class Judgement(StrEnum):
    PASS = "pass"  # noqa: S105 - a result, not a secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    A value with its confidence interval.

    Attributes:
        half_width: Of the two-sided interval; infinite with fewer than two replications.
        at_least: Whether the true value may be any larger: part of the values are lower bounds.
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
        """Half-width over the value; infinite where the value is 0."""
        return self.half_width / abs(self.value) if self.value else math.inf

    def below(self, limit: float) -> Judgement:
        """
        Judge "the true value is at most *limit*", each side at this confidence.

        One-sided bounds decide: PASS if the upper one is at most *limit*, FAIL if the lower one is above it.
        What is only the least it can be does not PASS.
        """
        if self.replications < 2:
            return Judgement.INCONCLUSIVE
        reach = float(stats.t.ppf(self.confidence, self.replications - 1)) * self.standard_error
        if self.value + reach <= limit and not self.at_least:
            return Judgement.PASS
        return Judgement.FAIL if self.value - reach > limit else Judgement.INCONCLUSIVE

    def __str__(self) -> str:
        sure = f"{self.confidence:.0%}, {self.replications} replications"
        least = "at least " if self.at_least else ""
        return f"{least}{self.value:.4g} ± {self.half_width:.2g} ({sure})"


def mean_estimate(values: npt.ArrayLike, confidence: float = 0.95) -> Estimate:
    """Return the mean of one number per replication, with Student's interval."""
    array = np.asarray(values, dtype=np.float64)
    return _student(float(array.mean()), array, confidence)


def percentile_estimate(replications: Sequence[Floats], percent: float, confidence: float = 0.95) -> Estimate:
    """
    Return a percentile of what all replications draw from.

    The value is that of the pooled replications; its spread is judged by how each replication's own
    percentile lies around it (sectioning).

    Args:
        replications: Values of each replication, warm-up and cool-down removed; empty ones are left out.

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
    """
    Return how much *ours* exceeds *theirs*, replication by replication.

    With common random numbers most of the noise is in both and cancels.

    Raises:
        ValueError: The two have different numbers of replications.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} replications cannot be paired with {len(theirs)}")
    return mean_estimate(np.asarray(ours, float) - np.asarray(theirs, float), confidence)


def _student(value: float, sections: Floats, confidence: float) -> Estimate:
    count = sections.size
    if count < 2:
        return Estimate(value, math.inf, math.inf, count, confidence)
    # Around the pooled value, not the sections' mean: their bias then widens the interval.
    variance = float(((sections - value) ** 2).sum()) / (count - 1)
    error = math.sqrt(variance / count)
    factor = float(stats.t.ppf((1 + confidence) / 2, count - 1))
    return Estimate(value, factor * error, error, count, confidence)
