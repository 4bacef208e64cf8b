"""The one percentile of the package: nearest rank, ⌈pn⌉ of the sorted values, with percentages 0…100."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd
    from hdrh.histogram import HdrHistogram

    Values = Sequence[float] | NDArray[Any] | pd.Series[Any]

EXACT_UP_TO = 1_000_000
"""Up to this many values are sorted; more go through a histogram of three significant digits."""

UNIT = 1e-6
"""Resolution of the histogram: microseconds, if the values are seconds."""

HIGHEST = 100 * 86_400 * 1_000_000
"""The largest value the histogram tells apart: a hundred days in microseconds."""


def percentile(values: "Values", p: float) -> float:
    """
    Return the smallest value that at least *p* percent of the values do not exceed.

    Up to a million values the result is one of them; beyond, it is at most 0.1 % above it.

    Raises:
        ValueError: There are no values, one of them is not a number, or not 0 < *p* ≤ 100.
    """
    array = _numbers(values)
    rank = nearest_rank(p, len(array))
    if len(array) > EXACT_UP_TO:
        return _from_histogram(histogram(array), rank)
    return float(np.partition(array, rank - 1)[rank - 1])


def percentile_of_sorted(values: Sequence[float] | NDArray[Any], p: float) -> float:
    """Return a percentile of ascending *values*, without sorting them again; 0 is the smallest value."""
    return float(values[nearest_rank(p, len(values)) - 1 if p > 0 else 0])


def percentiles(values: NDArray[Any], points: NDArray[Any]) -> NDArray[Any]:
    """Return the percentile at each of *points*; 0 is the smallest value."""
    ordered = np.sort(values)
    ranks = np.array([nearest_rank(p, len(ordered)) if p > 0 else 1 for p in points.tolist()])
    return np.asarray(ordered[ranks - 1])


def nearest_rank(p: float, count: int) -> int:
    """Return the rank of the percentile *p* among *count* sorted values, counted from 1."""
    if not 0 < p <= 100:
        raise ValueError(f"a percentile must be above 0 and at most 100, not {p}")
    if count < 1:
        raise ValueError("a percentile needs at least one value")
    numerator, denominator = exact_ratio(p)
    return -(-numerator * count // denominator)


@cache
def exact_ratio(p: float) -> tuple[int, int]:
    """Return a percentage as a fraction of 1, exactly as it is written."""
    # As binary fractions, 99.9/100 × 1000 would round up to rank 1000.
    return (Fraction(str(p)) / 100).as_integer_ratio()


def interval(values: "Values", p: float, confidence: float = 0.95) -> tuple[float, float]:
    """
    Return a confidence interval for a percentile of the distribution the values were drawn from.

    It makes no assumption about the distribution, but the values must be independent. The sojourn times of
    one simulated queue are not. A bound that the sample is too small to give is infinite.

    Source:
        David and Nagaraja, Order Statistics, 3rd ed., 7.1.
    """
    array = np.sort(_numbers(values))
    low, high = interval_ranks(p, len(array), confidence)
    return (
        float(array[low - 1]) if low >= 1 else -math.inf,
        float(array[high - 1]) if high <= len(array) else math.inf,
    )


def interval_ranks(p: float, count: int, confidence: float = 0.95) -> tuple[int, int]:
    """
    Return the ranks (from 1) of the order statistics that enclose a percentile.

    Each tail misses with at most (1 − confidence)/2. Rank 0 and *count* + 1 mean: no such value.
    """
    if not 0 < p < 100:
        raise ValueError(f"only a percentile between 0 and 100 has an interval, not {p}")
    tail = (1 - confidence) / 2
    # Of `count` values, Binomial(count, p) lie at or below the true percentile.
    below = _binomial_quantile(tail, count, p / 100)
    above = _binomial_quantile(1 - tail, count, p / 100)
    return below, above + 1


def least_samples(p: float, confidence: float = 0.95) -> int:
    """Return how many independent values can bound a percentile from above: 59 for 95, 299 for 99."""
    return math.ceil(math.log(1 - confidence) / math.log(p / 100))


def histogram(values: "Values") -> "HdrHistogram":
    """Return the values as a histogram of three significant digits, which can be merged with another."""
    from hdrh.histogram import HdrHistogram

    counted = HdrHistogram(1, HIGHEST, 3)
    ticks = np.clip(np.rint(_numbers(values) / UNIT), 1, HIGHEST).astype(np.int64)
    # Eleven leading bits are finer than three digits and leave few values to record.
    _, exponents = np.frexp(ticks.astype(np.float64))
    shift = np.maximum(exponents - 12, 0).astype(np.int64)
    for tick, count in zip(*np.unique((ticks >> shift) << shift, return_counts=True), strict=True):
        counted.record_value(int(tick), int(count))
    return counted


def percentiles_over_time(
    at: "pd.Series[float]", values: "pd.Series[float]", period: float
) -> "pd.DataFrame":
    """
    Return p50, p95 and p99 of *values* in each period; a period without values is absent.

    Returns:
        ``at_s``, the start of the period; ``samples`` [count], ``p50_s``, ``p95_s``, ``p99_s``.

    Raises:
        ValueError: *period* is not positive.
    """
    import pandas as pd  # heavy: imported only where a frame is made

    if period <= 0:
        raise ValueError(f"a period must be longer than 0 s, not {period} s")
    known = at.notna() & values.notna()
    order = np.argsort(at[known].to_numpy(), kind="stable")
    times, ordered = at[known].to_numpy()[order], values[known].to_numpy()[order]
    numbers, firsts = np.unique(np.floor(times / period), return_index=True)
    groups = np.split(ordered, firsts[1:]) if len(numbers) else []
    columns = {f"p{p}_s": [percentile(group, p) for group in groups] for p in (50, 95, 99)}
    return pd.DataFrame({"at_s": numbers * period, "samples": [len(group) for group in groups], **columns})


def _from_histogram(counted: "HdrHistogram", rank: int) -> float:
    seen = 0
    for item in counted.get_recorded_iterator():
        seen += item.count_added_in_this_iter_step
        if seen >= rank:
            return float(counted.get_highest_equivalent_value(item.value_iterated_to)) * UNIT
    raise AssertionError(f"rank {rank} of {seen} values")


def _binomial_quantile(probability: float, n: int, p: float) -> int:
    """Return the smallest k with P(Binomial(n, p) ≤ k) ≥ *probability*."""
    from scipy.special import bdtr, bdtrik

    # The inverse is a real number, rounded: the integer below may satisfy the condition, too.
    k = math.ceil(bdtrik(probability, n, p))
    return max(k - 1, 0) if bdtr(max(k - 1, 0), n, p) >= probability else k


def _numbers(values: "Values") -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if np.isnan(array).any():
        raise ValueError("a value is not a number")
    return array
