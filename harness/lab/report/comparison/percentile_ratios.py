"""
Ratios of the percentiles of two runs, with confidence intervals.

The interval is a block bootstrap of both percentiles, because values of one queue depend on each other; see
`harness.lab.gate.regression.block_bootstrap`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.lab.gate.regression.block_bootstrap import ratio_interval
from harness.lab.results.percentile import percentile

if TYPE_CHECKING:
    from harness.lab.results.run import Run

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
    for name in sorted(current.keys() & earlier.keys()):
        a, b = current[name], earlier[name]
        if min(a.size, b.size) < LEAST:
            continue
        for percent in percents:
            low, high = ratio_interval([a], [b], percent)
            yield Ratio(name, percent, percentile(b, percent), percentile(a, percent), low, high)


def response_times(run: "Run") -> dict[str, np.ndarray]:
    """
    Return the response times of each row, in the order of their intended starts.

    Those of end-to-end rows are model seconds, those of requests clock seconds.
    """
    frame = run.requests
    frame = frame[(frame["intended_at"] >= run.warm_up) & frame["outcome"].isin(("ok", "failed", "censored"))]
    frame = frame.sort_values("intended_at", kind="stable")
    scales = np.where(frame["type"] == "E2E", run.time_scale, 1.0)
    times = (frame["finished_at"] - frame["intended_at"]) * scales
    label = frame["type"].str.cat(frame["name"], sep=" ")
    return {str(name): group.to_numpy(dtype=float) for name, group in times.groupby(label)}
