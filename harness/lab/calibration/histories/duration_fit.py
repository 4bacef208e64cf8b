"""
The distribution of a duration of which some values are only known to exceed something.

Times are seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from harness.lab.calibration.duration_family import GAMMA, LOGNORMAL, NEVER, DurationFamily, Floats
from harness.lab.calibration.service_fit import AT_LEAST, FEW, POOR_FIT, QUANTILES, SAME
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Empirical
from harness.lab.workload.distributions.distribution import Distribution

CLEARLY = 2.0
"""Difference of the logarithm of two likelihoods: below, the families cannot be told apart."""


@dataclass(frozen=True, slots=True)
class DurationFit:
    """
    A fitted duration.

    Attributes:
        intervals: 95 % intervals of the parameters, by name; empty without a family.
        observations: Number of values that are known.
        censored: Number of values that are only known to exceed something.
        distance: Largest distance between the observed and the fitted cumulative distribution [0…1].
    """

    family: str
    distribution: Distribution
    intervals: Mapping[str, tuple[float, float]]
    observations: int
    censored: int
    distance: float


def fit_duration(times: Floats, is_censored: NDArray[np.bool_] | None = None) -> DurationFit:
    """
    Fit a duration by maximum likelihood; if no family fits, its observed quantiles are taken.

    Args:
        times: Shape (n,), positive; those that are censored are lower bounds.
        is_censored: Shape (n,); None: no value is censored.

    Raises:
        ValueError: Fewer than `AT_LEAST` positive values are known.
    """
    censored = np.zeros(times.size, dtype=np.bool_) if is_censored is None else is_censored
    usable = np.isfinite(times) & (times > 0)
    known, bounds = times[usable & ~censored], times[usable & censored]
    if known.size < AT_LEAST:
        raise ValueError(f"{known.size} observations are too few for a fit: at least {AT_LEAST} are needed")
    low, high = np.quantile(known, [0.005, 0.995])
    if high - low < SAME * low:
        constant = Constant(value=float(np.median(known)))
        return DurationFit("constant", constant, {}, known.size, bounds.size, 0.0)
    family, at = _best(known, bounds)
    distance, probability = _distance(family, at, known, bounds)
    if probability < POOR_FIT and known.size >= FEW:
        return DurationFit("empirical", empirical(known), {}, known.size, bounds.size, 0.0)
    intervals = _intervals(family, at, known, bounds)
    return DurationFit(family.name, family.distribution(at), intervals, known.size, bounds.size, distance)


def empirical(times: Floats) -> Distribution:
    """Return the observed quantiles of times; one value if they do not differ."""
    if times.size == 0:
        return Constant(value=0.0)
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    values = np.maximum(np.quantile(times, shares), 0.0)
    if values[-1] - values[0] < SAME * max(values[0], 1e-6):
        return Constant(value=float(np.median(values)))
    return Empirical(values=tuple(float(value) for value in values))


def likelihood_of_families(times: Floats) -> float:
    """
    Return the logarithm of the greatest likelihood that a family gives to positive times, in closed form.

    Source:
        Minka, Estimating a Gamma distribution, 2002: the first approximation of the shape.
    """
    logs = np.log(times)
    spread = max(float(logs.std()), 1e-6)
    lognormal = -times.size * (np.log(spread) + 0.5 + 0.5 * np.log(2 * np.pi)) - logs.sum()
    gap = max(float(np.log(times.mean()) - logs.mean()), 1e-9)
    shape = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    gamma = GAMMA.log_density(np.log([shape, times.mean() / shape]), times).sum()
    return float(max(lognormal, gamma))


def _best(known: Floats, bounds: Floats) -> tuple[DurationFamily, Floats]:
    """Return the family with its parameters: lognormal, unless gamma is clearly more likely."""
    lognormal, gamma = _search(LOGNORMAL, known, bounds), _search(GAMMA, known, bounds)
    gain = _likelihood(GAMMA, gamma, known, bounds) - _likelihood(LOGNORMAL, lognormal, known, bounds)
    return (GAMMA, gamma) if gain > CLEARLY else (LOGNORMAL, lognormal)


def _search(family: DurationFamily, known: Floats, bounds: Floats) -> Floats:
    def misfit(at: Floats) -> float:
        return -_likelihood(family, at, known, bounds) / known.size

    found = optimize.minimize(
        misfit,
        family.start(known),
        method="Nelder-Mead",
        options={"maxiter": 400, "xatol": 1e-5, "fatol": 1e-9},
    )
    return np.asarray(found.x)


def _likelihood(family: DurationFamily, at: Floats, known: Floats, bounds: Floats) -> float:
    total = float(family.log_density(at, known).sum())
    if bounds.size:
        above = np.maximum(1 - family.below(at, bounds), 1e-300)
        total += float(np.maximum(np.log(above), NEVER).sum())
    return total


def _distance(family: DurationFamily, at: Floats, known: Floats, bounds: Floats) -> tuple[float, float]:
    """Return the distance of Kolmogorov and Smirnov to the observed, or Kaplan and Meier's, and its p."""
    if not bounds.size:
        found = stats.kstest(family.below(at, known), "uniform")
        return float(found.statistic), float(found.pvalue)
    curve = stats.ecdf(stats.CensoredData(uncensored=known, right=bounds)).cdf
    distance = float(np.abs(curve.probabilities - family.below(at, curve.quantiles)).max())
    return distance, float(stats.kstwobign.sf(distance * np.sqrt(known.size)))


def _intervals(
    family: DurationFamily, at: Floats, known: Floats, bounds: Floats
) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals of the parameters, from the curvature of the likelihood."""
    errors = standard_errors(lambda where: _likelihood(family, where, known, bounds), at)
    if errors is None:
        return {}
    score = float(stats.t.ppf(0.975, known.size - at.size))
    low, high = np.exp(at - score * errors), np.exp(at + score * errors)
    return {name: (float(low[place]), float(high[place])) for place, name in enumerate(family.parameters)}


def standard_errors(likelihood: Callable[[Floats], float], at: Floats, step: float = 1e-3) -> Floats | None:
    """Return the standard errors of a maximum of a likelihood; None if it is not regular."""
    steps = np.eye(at.size) * step
    information = np.empty((at.size, at.size))
    for i in range(at.size):
        for j in range(i + 1):
            corners = [likelihood(at + a * steps[i] + b * steps[j]) * a * b for a in (1, -1) for b in (1, -1)]
            information[i, j] = information[j, i] = -sum(corners) / (4 * step**2)
    try:
        variances = np.diag(np.linalg.inv(information))
    except np.linalg.LinAlgError:
        return None
    return np.asarray(np.sqrt(variances)) if np.all(variances > 0) else None
