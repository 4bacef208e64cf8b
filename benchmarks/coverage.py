"""
Coverage of confidence intervals: how often they contain a value that is known.

M/M/1 at ρ 0.9, whose p95 is known, is simulated in many experiments. A nominal 95 % interval should contain
the known value in about 95 of 100. The naive interval, which treats the sojourn times of one run as
independent, does so far less often. Times are in multiples of the mean service time.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.percentile import interval as naive_interval
from harness.lab.sim.experiment.quantiles import percentile_estimate

UTILISATION = 0.9
P95 = math.log(20) / (1 - UTILISATION)
"""Of the sojourn time: it is exponential with mean 1 / (1 − ρ)."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    Shares of experiments whose interval contains the true value [0…1].

    Attributes:
        ours: Intervals over replications.
        naive: Intervals of one run that treat its times as independent.
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
        jobs: Jobs of one replication [count]; the first *warm_up* are left out.
        progress: Called with the number of finished experiments after each.
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


def sojourn_times(
    draws: np.random.Generator, jobs: int, utilisation: float = UTILISATION
) -> NDArray[np.float64]:
    """Return the sojourn times of the first jobs of M/M/1 that starts empty, by Lindley's recursion."""
    services = draws.exponential(1.0, jobs)
    steps = services[:-1] - draws.exponential(1 / utilisation, jobs - 1)
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(walk - np.minimum.accumulate(walk) + services)
