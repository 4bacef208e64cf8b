"""
Cold starts of a function, from the times of its invocations: a mixture of warm and cold ones.

Times are seconds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from harness.lab.calibration.duration_family import LOGNORMAL, Floats
from harness.lab.calibration.histories.duration_fit import likelihood_of_families, standard_errors

ITERATIONS = 500
SEPARATION = 1.5
"""Distance of the medians, in sums of the standard deviations of the logarithms."""

LEAST = 3.0
"""Fewer expected cold starts are no evidence."""

KEEP_ALIVES = np.geomspace(5, 3600, 40)
"""Idle times that an environment may survive."""

AGREEMENT = 0.7
"""Share of the predicted cold starts that must be slow."""

REPLAYED = 5000
"""Invocations with which the idle time is searched."""


@dataclass(frozen=True, eq=False)
class ColdStarts:
    """
    The cold starts of a function.

    Attributes:
        share: Share of the invocations [0…1], with its 95 % *interval*.
        median, sigma: Of the time of a cold invocation, lognormal.
        probability: Of each invocation that it was cold, shape (invocations,); not a number if unknown.
        keep_alive: Idle time that an environment survives; None if cold starts do not follow idle times, or
            before it is searched.
    """

    share: float
    interval: tuple[float, float]
    median: float
    sigma: float
    probability: Floats
    keep_alive: float | None = None

    @property
    def is_cold(self) -> NDArray[np.bool_]:
        return np.asarray(self.probability > 0.5)


def find_cold_starts(begun: Floats, ended: Floats) -> ColdStarts | None:
    """
    Find the cold starts of one state; None if a single distribution explains the times as well.

    Args:
        begun, ended: Shape (invocations,), in the order of *begun*.
    """
    times = np.maximum(ended - begun, 1e-6)
    logs = np.log(times)
    at = _mixture(logs)
    share, cold = float(special.expit(at[0])), float(at[3])
    gain = 2 * (_likelihood(at, times) - likelihood_of_families(times)) - 3 * np.log(times.size)
    is_apart = cold - at[1] > SEPARATION * (np.exp(at[2]) + np.exp(at[4]))
    if gain < 10 or not is_apart or share > 0.5 or share * times.size < LEAST:
        return None
    errors = standard_errors(lambda where: _likelihood(where, times), at)
    if errors is None:
        return None
    score = float(stats.norm.ppf(0.975))
    low, high = special.expit([at[0] - score * errors[0], at[0] + score * errors[0]])
    probability = _cold_probability(at, logs)
    return ColdStarts(
        share,
        (float(low), float(high)),
        float(np.exp(cold)),
        float(np.exp(at[4])),
        probability,
    )


def find_keep_alive(begun: Floats, ended: Floats, probability: Floats) -> float | None:
    """
    Return the idle time that explains the cold starts of a function best; None if none does.

    Args:
        begun, ended: Of all invocations, in the order of *begun*, shape (invocations,).
        probability: As in `ColdStarts`; known of one invocation at least.
    """
    begun, ended, cold = begun[:REPLAYED], ended[:REPLAYED], probability[:REPLAYED]
    for_cold = np.log(np.clip(cold, 1e-3, 1 - 1e-3))
    for_warm = np.log(np.clip(1 - cold, 1e-3, 1 - 1e-3))
    best, score = None, -np.inf
    for keep_alive in KEEP_ALIVES:
        created = environments_created(begun, ended, float(keep_alive))
        found = float(np.nansum(np.where(created, for_cold, for_warm)))
        if found > score:
            best, score = float(keep_alive), found
    created = environments_created(begun, ended, best or 0.0)
    known = np.isfinite(cold)
    created, cold = created[known], cold[known]
    agrees = created.any() and cold[created].mean() >= AGREEMENT
    few = abs(created.sum() - cold.sum()) <= max(3.0, 0.3 * float(cold.sum()))
    return best if agrees and few else None


def environments_created(begun: Floats, ended: Floats, keep_alive: float) -> NDArray[np.bool_]:
    """Return which invocations create an environment, if the one used last is used first."""
    created = np.zeros(begun.size, dtype=np.bool_)
    idle: list[float] = []
    running = np.argsort(ended, kind="stable")
    place = 0
    for number, at in enumerate(begun.tolist()):
        while place < ended.size and ended[running[place]] <= at:
            idle.append(float(ended[running[place]]))
            place += 1
        if idle and at - idle.pop() <= keep_alive:
            continue
        idle.clear()
        created[number] = True
    return created


def _mixture(logs: Floats) -> Floats:
    """Return logit of the share, mean and log of the deviation of warm and of cold logarithms, by EM."""
    cut = float(np.quantile(logs, 0.9))
    weights = np.where(logs > cut, 0.9, 0.05)
    at = np.zeros(5)
    for _ in range(ITERATIONS):
        before = at
        at = np.array(
            [
                special.logit(np.clip(weights.mean(), 1e-6, 1 - 1e-6)),
                *_moments(logs, 1 - weights),
                *_moments(logs, weights),
            ]
        )
        weights = _cold_probability(at, logs)
        if np.abs(at - before).max() < 1e-8:
            break
    return at


def _moments(logs: Floats, weights: Floats) -> tuple[float, float]:
    total = max(float(weights.sum()), 1e-9)
    mean = float((weights * logs).sum() / total)
    variance = float((weights * (logs - mean) ** 2).sum() / total)
    return mean, 0.5 * float(np.log(max(variance, 1e-4)))


def _log_parts(at: Floats, values: Floats) -> tuple[Floats, Floats]:
    warm = LOGNORMAL.log_density(at[1:3], values) + special.log_expit(-at[0])
    return warm, LOGNORMAL.log_density(at[3:5], values) + special.log_expit(at[0])


def _likelihood(at: Floats, times: Floats) -> float:
    return float(np.logaddexp(*_log_parts(at, times)).sum())


def _cold_probability(at: Floats, logs: Floats) -> Floats:
    warm, cold = _log_parts(at, np.exp(logs))
    return np.asarray(special.expit(cold - warm))
