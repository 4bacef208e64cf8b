"""
The warm-up of a run, which starts empty and is not yet in steady state.

MSER-5 chooses the cut that minimises the standard error of the mean of the rest. Applied to one run it
mistakes noise for a trend and cuts too much; here it is applied to the mean over replications.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.lab.sim.experiment.quantiles import Floats

BATCH = 5
"""Number of observations averaged into one: the 5 of MSER-5."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """The assumed beginning of steady state [s], and a warning if it may be wrong."""

    until: float
    warning: str = ""


def detect(arrived_at: Sequence[Floats], values: Sequence[Floats], horizon: float) -> WarmUp:
    """
    Return one common warm-up for all replications.

    Args:
        arrived_at: When the observation of each of the *values* began, by replication [s].
        horizon: End of arrivals [s].

    Source:
        White 1997; Hoad, Robinson and Davies 2010, for MSER-5; Welch 1983 for averaging over replications.
    """
    cells = min((times.size for times in arrived_at), default=0)
    if cells < 4 * BATCH:
        return WarmUp(0.0, "there are too few observations to detect a warm-up")
    edges = np.linspace(0.0, horizon, min(cells, 4000) + 1)
    series = _ensemble_mean(arrived_at, values, edges)
    batches = series[: series.size // BATCH * BATCH].reshape(-1, BATCH).mean(axis=1)
    cut = mser(batches)
    until = float(edges[cut * BATCH])
    if cut >= batches.size // 2 or _has_trend(batches[cut:]):
        return WarmUp(until, "no steady state was found: use a longer duration or a lower load")
    return WarmUp(until)


def mser(series: Floats) -> int:
    """Return the number d ≤ n/2 of leading entries to delete that minimises s²(d)/(n-d)."""
    size = series.size
    reverse = series[::-1]
    counts = np.arange(1, size + 1)
    sums, squares = np.cumsum(reverse), np.cumsum(reverse**2)
    scatter = (squares - sums**2 / counts) / counts**2
    half = math.ceil(size / 2)
    # Entry n-1-d of `scatter` keeps all but the first d.
    return int(np.argmin(scatter[size - half - 1 :][::-1]))


def _has_trend(series: Floats, sections: int = 10) -> bool:
    """Return whether the means of both halves of a series differ significantly and by more than a tenth."""
    sections = min(sections, series.size)
    if sections < 4:
        return False
    means = np.array([part.mean() for part in np.array_split(series, sections)])
    early, late = means[: sections // 2], means[sections // 2 :]
    difference = abs(late.mean() - early.mean())
    error = math.sqrt((early.var(ddof=1) + late.var(ddof=1)) / (sections // 2))
    return bool(difference > 3 * error and difference > 0.1 * abs(means.mean()))


def _ensemble_mean(arrived_at: Sequence[Floats], values: Sequence[Floats], edges: Floats) -> Floats:
    """Return the mean over replications by cell of the horizon; an empty cell repeats the previous one."""
    cells = edges.size - 1
    sums, counts = np.zeros(cells), np.zeros(cells)
    for times, found in zip(arrived_at, values, strict=True):
        cell = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, cells - 1)
        sums += np.bincount(cell, weights=found, minlength=cells)
        counts += np.bincount(cell, minlength=cells)
    means = np.divide(sums, counts, out=np.full(cells, np.nan), where=counts > 0)
    filled = np.maximum.accumulate(np.where(np.isnan(means), 0, np.arange(cells)))
    return np.asarray(np.nan_to_num(means[filled]))
