"""
The coverage of confidence intervals: how often they contain the true value.

M/M/1 at ρ 0.9, whose p95 is known, is simulated in many experiments. A nominal 95 % interval must contain the
known value in about 95 of 100. The naive interval, which treats the times of one run as independent, does
not. The unit of time is the mean service time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.percentile import interval as naive_interval
from harness.lab.sim.experiment.quantiles import percentile_estimate

LOAD = 0.9
P95 = math.log(20) / (1 - LOAD)
"""p95 of the sojourn time, which is exponential with mean 1 / (1 − ρ)."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    Shares of experiments whose interval contained the true value.

    Attributes:
        ours: Intervals over replications.
        naive: Intervals of one run, as if its times were independent.
    """

    experiments: int
    ours: float
    naive: float


def coverage(
    experiments: int = 400,
    *,
    replications: int = 20,
    jobs: int = 42_000,
    warm_up: int = 2_000,
    seed: int = 20260105,
    progress: Callable[[int], None] | None = None,
) -> Coverage:
    """
    Return how often the nominal 95 % intervals of p95 contain the true value.

    Args:
        jobs: Number of jobs of one replication; the first *warm_up* are not counted.
        progress: Called with the number of completed experiments.
    """
    ours = naive = 0
    for number in range(experiments):
        draws = np.random.default_rng([seed, number])
        runs = [sojourn_times(draws, jobs)[warm_up:] for _ in range(replications)]
        estimate = percentile_estimate(runs, 95)
        low, high = naive_interval(runs[0], 95)
        ours += estimate.low <= P95 <= estimate.high
        naive += low <= P95 <= high
        if progress is not None:
            progress(number + 1)
    return Coverage(experiments, ours / experiments, naive / experiments)


def sojourn_times(draws: np.random.Generator, jobs: int, load: float = LOAD) -> NDArray[np.float64]:
    """Return the sojourn times of the first jobs of M/M/1 from an empty start, by Lindley's recursion."""
    services = draws.exponential(1.0, jobs)
    steps = services[:-1] - draws.exponential(1 / load, jobs - 1)
    random_walk = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(random_walk - np.minimum.accumulate(random_walk) + services)
