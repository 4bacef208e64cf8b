"""
Ratios of the percentiles of two runs, with confidence intervals.

The interval is a bootstrap of both percentiles. To resample n values and take the k-th smallest is the same
as to draw its rank from Beta(k, n-k+1); this is what the code does. Values are assumed to be independent. The
interval is too narrow if they are correlated, as in a queue.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 13.3; David and Nagaraja, Order Statistics, 2.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.lab.results.percentile import nearest_rank

if TYPE_CHECKING:
    from harness.lab.results.run import Run

RESAMPLES = 4000
LEAST = 20
"""Rows with fewer requests in either run are not compared."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The ratio now/before of one percentile of one row, and its 95 % confidence interval *low*, *high*."""

    name: str
    percent: float
    before_s: float
    now_s: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        return self.now_s / self.before_s

    @property
    def slower(self) -> bool:
        """Whether even the lower bound is above 1."""
        return self.low > 1


@dataclass(frozen=True, slots=True)
class PercentileRatios:
    """The ratios of two runs."""

    run: str
    baseline: str
    ratios: tuple[Ratio, ...]

    def table(self) -> str:
        """Return the comparison as lines of text."""
        lines = [f"{self.run} against {self.baseline}"]
        lines += [
            f"  {one.name:<28} p{one.percent:g}  {one.before_s:9.3f} s → {one.now_s:9.3f} s   "
            f"× {one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]{'  slower' if one.slower else ''}"
            for one in self.ratios
        ]
        if not self.ratios:
            lines.append(f"  no row has {LEAST} or more requests in both runs")
        return "\n".join(lines) + "\n"


def compare(folder: Path, baseline: Path, percents: Sequence[float] = (50.0, 95.0)) -> PercentileRatios:
    """Compare the response times of two run folders, row by row, without the warm-up."""
    from harness.lab.results.run import Run

    now, before = Run.load(folder), Run.load(baseline)
    return PercentileRatios(now.id, before.id, tuple(_ratios(now, before, percents)))


def _ratios(now: "Run", before: "Run", percents: Sequence[float]) -> Iterable[Ratio]:
    current, earlier = response_times(now), response_times(before)
    draws = np.random.default_rng(0)
    for name in sorted(current.keys() & earlier.keys()):
        a, b = current[name], earlier[name]
        if min(a.size, b.size) < LEAST:
            continue
        for percent in percents:
            rank_a, rank_b = nearest_rank(percent, a.size), nearest_rank(percent, b.size)
            ratios = _resampled(a, rank_a, draws) / _resampled(b, rank_b, draws)
            low, high = np.quantile(ratios, [0.025, 0.975])
            yield Ratio(name, percent, float(b[rank_b - 1]), float(a[rank_a - 1]), float(low), float(high))


def _resampled(ordered: np.ndarray, rank: int, draws: np.random.Generator) -> np.ndarray:
    shares = draws.beta(rank, ordered.size - rank + 1, RESAMPLES)
    return np.asarray(ordered[np.minimum((shares * ordered.size).astype(int), ordered.size - 1)])


def response_times(run: "Run") -> dict[str, np.ndarray]:
    """Return the response times of each row, ascending; end-to-end ones in model s, requests in clock s."""
    frame = run.requests
    frame = frame[(frame["intended_at"] >= run.warm_up) & frame["outcome"].isin(("ok", "failed", "censored"))]
    scales = np.where(frame["type"] == "E2E", run.time_scale, 1.0)
    times = (frame["finished_at"] - frame["intended_at"]) * scales
    label = frame["type"].str.cat(frame["name"], sep=" ")
    return {str(name): np.sort(group.to_numpy(dtype=float)) for name, group in times.groupby(label)}
