"""
Confidence intervals of ratios of percentiles or means, and of differences of means, by block bootstrap.

Response times of one queue depend on each other. So not single values but blocks of consecutive values are
drawn again. The length of the blocks follows from the correlation of the values. Of several runs, whole runs
are drawn first, then blocks within them: so differences between runs widen the interval.

Sources: Carlstein, The use of subseries values, Ann. Statist. 14 (1986); Politis and White, Automatic
block-length selection, Econometric Reviews 23 (2004), with the correction of 28 (2009); Rao and Wu,
Resampling inference with complex survey data, JASA 83 (1988).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.percentile import exact_ratio, nearest_rank

Values = NDArray[np.float64]

RESAMPLES = 4000
SEED = 0

BLOCKS_MIN = 5
BLOCKS_MAX = 500
"""More blocks are merged: longer blocks are valid too, and cost less."""

GRID = 1024
"""Number of candidate values for a resampled percentile; all values, if there are not more."""


def ratio_interval(
    now: Sequence[Values], before: Sequence[Values], percent: float | None, confidence: float = 0.95
) -> tuple[float, float]:
    """
    Return the confidence interval of the ratio now/before of a percentile, or of the mean.

    Args:
        now: The values of each run, in the order of their arrivals; infinite ones are unknown.
        before: The same of the baseline.
        percent: The percentile, 0…100; None for the mean.

    Returns:
        The bounds; 0 and infinity where the values do not bound the ratio. Two zeros have the ratio 1.
    """
    draws = np.random.default_rng(SEED)
    above, below = (_resampled(runs, percent, draws) for runs in (now, before))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where((above == 0) & (below == 0), 1.0, above / below)
    tail = (1 - confidence) / 2
    low = np.quantile(np.where(np.isnan(ratios), 0.0, ratios), tail, method="lower")
    high = np.quantile(np.where(np.isnan(ratios), math.inf, ratios), 1 - tail, method="higher")
    return float(low), float(high)


def difference_interval(
    now: Values, before: Values, confidence: float = 0.95, *, paired: bool = False
) -> tuple[float, float]:
    """
    Return the confidence interval of the difference of two means.

    Args:
        now: The values of one run, in the order of their arrivals.
        before: The same of the other run.
        paired: Whether the values at the same place belong to the same arrival.
    """
    draws = np.random.default_rng(SEED)
    if paired:
        differences = _resampled([now - before], None, draws)
    else:
        differences = _resampled([now], None, draws) - _resampled([before], None, draws)
    tail = (1 - confidence) / 2
    low = np.quantile(differences, tail, method="lower")
    return float(low), float(np.quantile(differences, 1 - tail, method="higher"))


def block_length(series: Values) -> int:
    """
    Return the length of blocks that keeps the correlation of a series, by the rule of Politis and White.

    Independent values give 1. There are at least `BLOCKS_MIN` and at most `BLOCKS_MAX` blocks.
    """
    count = series.size
    longest = max(1, count // BLOCKS_MIN)
    deviations = series - series.mean()
    if not deviations.any():
        return 1
    least = -(-count // BLOCKS_MAX)
    lags = max(5, math.ceil(math.sqrt(math.log10(count))))
    correlated = _correlated_lags(deviations, lags)
    if not correlated:
        return min(least, longest)
    offsets = np.arange(-2 * correlated, 2 * correlated + 1)
    share = np.abs(offsets) / (2 * correlated)
    weights = np.clip(2 * (1 - share), 0.0, 1.0)
    covariances = np.array([_covariance(deviations, abs(int(lag))) for lag in offsets])
    spectrum = float((weights * covariances).sum())
    slope = float((weights * np.abs(offsets) * covariances).sum())
    if spectrum <= 0:
        return longest
    optimum = (2 * slope**2 / (4 / 3 * spectrum**2) * count) ** (1 / 3)
    return int(min(max(math.ceil(optimum), least), longest))


def _correlated_lags(deviations: Values, lags: int) -> int:
    """Return the largest lag before *lags* consecutive insignificant correlations."""
    count = deviations.size
    limit = 2 * math.sqrt(math.log10(count) / count)
    variance = _covariance(deviations, 0)
    insignificant = 0
    for lag in range(1, count // 4):
        is_significant = abs(_covariance(deviations, lag) / variance) > limit
        insignificant = 0 if is_significant else insignificant + 1
        if insignificant == lags:
            return lag - lags
    return max(count // 4 - insignificant - 1, 0)


def _covariance(deviations: Values, lag: int) -> float:
    return float((deviations[: deviations.size - lag] * deviations[lag:]).sum()) / deviations.size


def _resampled(runs: Sequence[Values], percent: float | None, draws: np.random.Generator) -> Values:
    """Return the percentile or mean of each resample."""
    pooled = np.sort(np.concatenate(runs))
    series = runs
    if percent is not None:
        at = pooled[nearest_rank(percent, pooled.size) - 1]
        series = [(run <= at).astype(np.float64) for run in runs]
    blocks = [
        np.array_split(run, -(-run.size // block_length(one))) for run, one in zip(runs, series, strict=True)
    ]
    weights = _weights([len(parts) for parts in blocks], draws)
    parts = [part for of_run in blocks for part in of_run]
    sizes = weights @ np.array([part.size for part in parts], dtype=float)
    if percent is None:
        return np.asarray(weights @ np.array([part.sum() for part in parts]) / sizes)
    grid = _grid(pooled, percent, len(parts))
    counts = np.array([np.searchsorted(np.sort(part), grid, side="right") for part in parts], dtype=float)
    numerator, denominator = exact_ratio(percent)
    ranks = np.ceil(sizes * numerator / denominator - 1e-9)
    return np.asarray(grid[((weights @ counts) < ranks[:, None] - 0.5).sum(axis=1)])


def _weights(blocks: Sequence[int], draws: np.random.Generator) -> Values:
    """Return how often each resample contains each block, shape (resamples, blocks of all runs)."""
    chosen = draws.integers(len(blocks), size=(RESAMPLES, len(blocks)))
    columns = []
    for number, count in enumerate(blocks):
        # One block less than there are makes the variance of few blocks unbiased (Rao and Wu).
        owners = np.repeat(np.nonzero(chosen == number)[0], max(count - 1, 1))
        drawn = owners * count + draws.integers(count, size=owners.size)
        columns.append(np.bincount(drawn, minlength=RESAMPLES * count).reshape(RESAMPLES, count))
    return np.concatenate(columns, axis=1).astype(np.float64)


def _grid(ordered: Values, percent: float, blocks: int) -> Values:
    """Return ascending candidates for a percentile: all values, or those near it and the largest."""
    distinct = np.unique(ordered)
    if distinct.size <= GRID:
        return np.asarray(distinct)
    share = percent / 100
    width = 8 * math.sqrt(share * (1 - share) / blocks)
    low, high = (min(max(share + side * width, 0.0), 1.0) for side in (-1, 1))
    ranks = np.linspace(low * (ordered.size - 1), high * (ordered.size - 1), GRID).astype(int)
    return np.unique(np.append(ordered[ranks], ordered[[0, -1]]))
