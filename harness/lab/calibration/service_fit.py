"""
The service time of one step, fitted: the structure that predicts held-out observations best.

Half of the observations are fitted, the other half is predicted, and the other way round; the structure with
the greatest likelihood of what it predicts is taken. Times are model seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from harness.lab.calibration.duration_family import CONSTANT, LOGNORMAL, Floats
from harness.lab.calibration.service_structure import (
    ServiceStructure,
    structures_with_work,
    structures_without_work,
)
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Empirical
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.draws import Integers

SEARCHES = 2
"""Searches of one maximum, one after the other."""

MARGIN = 1e-3
"""Gain in the mean logarithm of the likelihood that a structure tried later must bring."""

SAME = 1e-3
"""Relative spread below which times are one constant: rounding, not work."""

FEW = 200
"""Below so many observations the intervals of a fit are too narrow: they are widened."""

AT_LEAST = 20
"""With fewer observations nothing is fitted."""

COMPARED = 1000
"""Observations with which structures are compared, at most."""

SEARCHED = 5000
"""Observations with which parameters are searched, at most."""

POOR_FIT = 1e-3
"""Below this probability of the Kolmogorov–Smirnov test no family fits."""

IMPLAUSIBLE = 10.0
"""A percentile 99 so many times as long as the longest observation comes from outliers, not from a family."""

WEAK = 0.2
"""Rank correlation below which a time does not depend on an amount of work."""

QUANTILES = 200
"""Values of an empirical distribution."""


@dataclass(frozen=True, slots=True)
class ServiceFit:
    """
    The fitted service time of one step.

    Attributes:
        structure: The families; None if no family fits and the distribution is empirical.
        parts: The distributions of a service model by parameter, e.g. ``fixed_s``.
        intervals: 95 % intervals of the parameters, by part and name.
        observations: Number of observations.
        ks_distance: Largest distance between observed and fitted cumulative distribution of held-out data.
        ks_probability: Probability of such a distance if the fit is right.
        ranges: Smallest and largest amount of work seen, by the parameter of its part.
    """

    structure: ServiceStructure | None
    parts: Mapping[str, Distribution]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]
    observations: int
    ks_distance: float
    ks_probability: float
    ranges: Mapping[str, tuple[float, float]]

    @property
    def is_small(self) -> bool:
        """Whether there are so few observations that the intervals were widened."""
        return self.observations < FEW


def fit_service(times: Floats, amounts: Mapping[str, Floats]) -> ServiceFit:
    """
    Fit the service times of one step.

    Args:
        times: Shape (n,), positive [s].
        amounts: The work of each observation by the parameter of its part, each of shape (n,).

    Raises:
        ValueError: There are fewer than `AT_LEAST` positive observations.
    """
    usable = np.isfinite(times) & (times > 0)
    times = times[usable]
    if times.size < AT_LEAST:
        raise ValueError(f"{times.size} observations are too few for a fit: at least {AT_LEAST} are needed")
    amounts = {name: values[usable] for name, values in amounts.items()}
    low, high = np.quantile(times, [0.005, 0.995])
    if high - low < SAME * low:
        return ServiceFit(
            ServiceStructure(CONSTANT),
            {"fixed_s": Constant(value=float(np.median(times)))},
            {},
            times.size,
            0.0,
            1.0,
            {},
        )
    ranges = {name: (float(values.min()), float(values.max())) for name, values in amounts.items()}
    varied = {name: values for name, values in amounts.items() if _varies(values)}
    best = _best(times, varied)
    distance, probability = _held_out_distance(best, times, _of(varied, best, times))
    quantiles = ServiceFit(None, {"fixed_s": _empirical(times)}, {}, times.size, 0.0, 1.0, ranges)
    if probability < POOR_FIT and times.size >= FEW and not _depends_on_work(times, varied):
        return quantiles
    at = _search(best, times, _of(varied, best, times))
    parts = _parts(best, at)
    if _is_implausible(parts, times, ranges):
        return quantiles
    intervals = _intervals(best, at, times, _of(varied, best, times))
    return ServiceFit(best, parts, intervals, times.size, distance, probability, ranges)


def _is_implausible(
    parts: Mapping[str, Distribution], times: Floats, ranges: Mapping[str, tuple[float, float]]
) -> bool:
    """Return whether one in a hundred times would be many times as long as the longest observed one."""
    largest = {name: high for name, (_, high) in ranges.items()}
    return any(
        largest.get(name, 1.0) * part.sample(0.99) > IMPLAUSIBLE * times.max() for name, part in parts.items()
    )


def _varies(values: Floats) -> bool:
    return bool(values.max() > 1.2 * values.min() and (values > 0).mean() > 0.5)


def _depends_on_work(times: Floats, varied: Mapping[str, Floats]) -> bool:
    return any(abs(float(stats.spearmanr(times, each).statistic)) > WEAK for each in varied.values())


def _of(varied: Mapping[str, Floats], structure: ServiceStructure, times: Floats) -> Floats:
    return varied[structure.amount] if structure.amount is not None else np.ones_like(times)


def _best(times: Floats, varied: Mapping[str, Floats]) -> ServiceStructure:
    """Return the structure that predicts best; the simplest comes first."""
    step = max(1, times.size // COMPARED)
    seen = times[::step]

    def scores(structure: ServiceStructure) -> Floats:
        return _held_out_scores(structure, seen, _of(varied, structure, times)[::step])

    kept = _better(structures_without_work(), scores)
    for amount, values in varied.items():
        kept = _better(structures_with_work(amount, without_any=values.min() == 0), scores, kept)
    return kept[0]


def _better(
    structures: Iterable[ServiceStructure],
    scores: Callable[[ServiceStructure], Floats],
    kept: tuple[ServiceStructure, Floats] | None = None,
) -> tuple[ServiceStructure, Floats]:
    for structure in structures:
        found = scores(structure)
        if kept is None or (found - kept[1]).mean() > MARGIN:
            kept = structure, found
    assert kept is not None  # noqa: S101 - there is always a structure
    return kept


def _held_out_scores(structure: ServiceStructure, times: Floats, amounts: Floats) -> Floats:
    scores = np.empty_like(times)
    for fitted, held in _halves(times.size):
        at = _search(structure, times[fitted], amounts[fitted])
        scores[held] = structure.log_density(at, times[held], amounts[held])
    # One observation in a thousand may come from elsewhere: a single one must not decide.
    wider = LOGNORMAL.start(times) + np.log([1.0, 2.0])
    return np.asarray(np.maximum(scores, LOGNORMAL.log_density(wider, times) + np.log(1e-3)))


def _held_out_distance(structure: ServiceStructure, times: Floats, amounts: Floats) -> tuple[float, float]:
    """Return the distance of Kolmogorov and Smirnov of predicted data, and its probability."""
    placed = []
    for fitted, held in _halves(times.size):
        at = _search(structure, times[fitted], amounts[fitted])
        placed.append(np.sort(structure.below(at, times[held], amounts[held])))
    distances = [float(stats.kstest(each, "uniform").statistic) for each in placed]
    size = times.size / 2
    # The parameters of the other half have errors of their own, as large as those of the half predicted.
    distance = max(distances)
    return distance, min(1.0, 2 * float(special.kolmogorov(distance * np.sqrt(size / 2))))


def _halves(count: int) -> list[tuple[Integers, Integers]]:
    places = np.arange(count)
    even, odd = places[::2], places[1::2]
    return [(even, odd), (odd, even)]


def _search(structure: ServiceStructure, times: Floats, amounts: Floats) -> Floats:
    step = max(1, times.size // SEARCHED)
    seen, work = times[::step], amounts[::step]

    def misfit(at: Floats) -> float:
        return -float(structure.log_density(at, seen, work).mean())

    at = structure.start(seen, work)
    # The second search leaves a plateau where the first one got stuck.
    for _ in range(SEARCHES):
        found = optimize.minimize(
            misfit, at, method="Nelder-Mead", options={"maxiter": 200 * at.size, "xatol": 1e-4, "fatol": 1e-7}
        )
        at = np.asarray(found.x)
    return at


def _parts(structure: ServiceStructure, at: Floats) -> dict[str, Distribution]:
    first, second = structure.parts(at)
    parts: dict[str, Distribution] = {}
    if structure.fixed is not None:
        parts["fixed_s"] = structure.fixed.distribution(first)
    if structure.unit is not None and structure.amount is not None:
        parts[structure.amount] = structure.unit.distribution(second)
    return parts


def _intervals(
    structure: ServiceStructure, at: Floats, times: Floats, amounts: Floats
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return 95 % intervals from the curvature of the likelihood; wider for few observations."""
    errors = _standard_errors(structure, at, times, amounts)
    if errors is None:
        return {}
    score = float(stats.t.ppf(0.975, max(times.size - at.size, 1)))
    widened = score * np.sqrt(max(1.0, FEW / times.size))
    bounds = [
        (float(np.exp(a - widened * e)), float(np.exp(a + widened * e)))
        for a, e in zip(at, errors, strict=True)
    ]
    first = len(structure.fixed.parameters) if structure.fixed else 0
    found: dict[str, dict[str, tuple[float, float]]] = {}
    if structure.fixed is not None:
        found["fixed_s"] = dict(zip(structure.fixed.parameters, bounds[:first], strict=True))
    if structure.unit is not None and structure.amount is not None:
        found[structure.amount] = dict(zip(structure.unit.parameters, bounds[first:], strict=True))
    return found


def _standard_errors(
    structure: ServiceStructure, at: Floats, times: Floats, amounts: Floats
) -> Floats | None:
    """Return the standard errors of the parameters; None if the likelihood has no regular maximum."""

    def scores(where: Floats) -> float:
        return float(structure.log_density(where, times, amounts).sum())

    size, step = at.size, 1e-3
    steps = np.eye(size) * step
    information = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [scores(at + a * steps[i] + b * steps[j]) * a * b for a in (1, -1) for b in (1, -1)]
            information[i, j] = -sum(corners) / (4 * step**2)
    try:
        variances = np.diag(np.linalg.inv(information))
    except np.linalg.LinAlgError:
        return None
    return np.sqrt(variances) if np.all(variances > 0) else None


def _empirical(times: Floats) -> Empirical:
    shares = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return Empirical(values=tuple(float(value) for value in np.quantile(times, shares)))
