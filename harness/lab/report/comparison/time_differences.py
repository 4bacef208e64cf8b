"""
Where two runs spend different times: the parts of the critical path that explain the difference.

Means add up, percentiles do not: the difference of the mean time is the sum of the differences of its parts.
Times are model seconds.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.lab.report.comparison.critical_path import path_parts
from harness.lab.report.wording import percent, seconds
from harness.lab.results.run import Run

RESAMPLES = 1000
BLOCKS = 100
"""Consecutive batches are resampled together, in as many blocks: neighbours wait in the same queue."""

NOTICEABLE_S = 0.001

LEAST = 20
"""Batches that each run must have [count]."""


@dataclass(frozen=True, slots=True)
class TimeDifference:
    """
    One part of the time to READY or FAILED, on the mean of all batches of each run.

    Attributes:
        low, high: 95 % interval of *difference_s*.
        share: Part of the whole difference; negative if the part makes up for others.
    """

    part: str
    before_s: float
    now_s: float
    low: float
    high: float
    share: float

    @property
    def difference_s(self) -> float:
        return self.now_s - self.before_s

    @property
    def is_significant(self) -> bool:
        """Whether the interval does not contain 0."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class TimeDifferences:
    """The difference of the mean time of a batch, and its parts, those with the greatest difference first."""

    whole: TimeDifference
    parts: tuple[TimeDifference, ...]

    @property
    def noticeable(self) -> tuple[TimeDifference, ...]:
        """The parts that take a millisecond at least in one of the runs."""
        return tuple(part for part in self.parts if max(part.before_s, part.now_s) >= NOTICEABLE_S)

    def to_frame(self) -> pd.DataFrame:
        """Return the whole and its parts, one row each; times and bounds in seconds."""
        rows = [
            (one.part, one.before_s, one.now_s, one.difference_s, one.low, one.high)
            for one in (self.whole, *self.parts)
        ]
        return pd.DataFrame(rows, columns=["part", "before_s", "now_s", "difference_s", "low", "high"])

    @property
    def sentence(self) -> str:
        """What is different first."""
        whole = self.whole
        change = f"{seconds(whole.before_s)} before, {seconds(whole.now_s)} now"
        if not whole.is_significant and not any(part.is_significant for part in self.parts):
            return f"The mean time of a batch does not differ significantly ({change})."
        first = next((part for part in self.parts if part.is_significant), self.parts[0])
        longer = "longer" if first.difference_s > 0 else "shorter"
        text = (
            f"The mean time of a batch is {change}. The greatest difference is {first.part}: "
            f"{seconds(abs(first.difference_s))} {longer} ({seconds(first.before_s)} before, "
            f"{seconds(first.now_s)} now)"
        )
        if whole.is_significant and first.share > 0:
            text += f", {percent(first.share)} of the whole difference"
        return f"{text}."


def time_differences(before: Run, now: Run) -> TimeDifferences | None:
    """Return where the times of two runs differ; None if either has too few batches that ended."""
    earlier, current = path_parts(before), path_parts(now)
    if min(len(earlier), len(current)) < LEAST:
        return None
    names = list(dict.fromkeys([*earlier.columns, *current.columns]))
    # Runs with the same arrivals are compared batch by batch: both take the same draws.
    is_paired = before.header.seed == now.header.seed and len(earlier) == len(current)
    means, resampled = [], []
    for frame, seed in ((earlier, 0), (current, 0 if is_paired else 1)):
        table = frame.reindex(columns=names, fill_value=0.0).to_numpy(float)
        table = np.column_stack([table.sum(axis=1), table])
        means.append(table.mean(axis=0))
        resampled.append(_resampled_means(table, np.random.default_rng(seed)))
    low, high = np.quantile(resampled[1] - resampled[0], [0.025, 0.975], axis=0)
    whole = float(means[1][0] - means[0][0])
    found = [
        TimeDifference(
            name,
            float(means[0][place]),
            float(means[1][place]),
            float(low[place]),
            float(high[place]),
            float(means[1][place] - means[0][place]) / whole if whole else 0.0,
        )
        for place, name in enumerate(["time of a batch", *names])
    ]
    ordered = sorted(found[1:], key=lambda part: -abs(part.difference_s))
    return TimeDifferences(found[0], tuple(ordered))


def _resampled_means(table: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Return the means of resampled batches: shape (resamples, columns)."""
    count = min(BLOCKS, len(table))
    edges = np.linspace(0, len(table), count + 1).astype(int)
    sums = np.add.reduceat(table, edges[:-1], axis=0)
    sizes = np.diff(edges).astype(float)
    chosen = draws.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    means: np.ndarray = (chosen @ sums) / (chosen @ sizes)[:, None]
    return means
