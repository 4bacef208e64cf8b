"""
Where two runs spend different times: the parts of the critical path that explain the difference.

Means add up, percentiles do not: the difference of the mean time is the sum of the differences of its parts.
Runs with the same draws are compared batch by batch. The intervals are those of
`harness.lab.gate.regression.block_bootstrap`. Times are model seconds.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.lab.gate.regression.block_bootstrap import difference_interval
from harness.lab.report.comparison.critical_path import CLOCK_S, path_parts
from harness.lab.report.wording import percent, seconds
from harness.lab.results.run import Run

ERROR_RATE = 0.05

NOTICEABLE_S = 0.001

LEAST = 20
"""Batches that each run must have [count]."""

SAME_S, MOSTLY = 0.001, 0.9
"""Two runs are compared batch by batch if this share of the shorter one was due at the same times."""


@dataclass(frozen=True, slots=True)
class TimeDifference:
    """
    One part of the time to READY or FAILED, on the mean of all batches of each run.

    Attributes:
        low, high: Interval of *difference_s*: 95 % for the whole, and for all parts together.
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
        """Whether the interval does not contain 0, nor what rounding makes of it."""
        return self.low > CLOCK_S or self.high < -CLOCK_S


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
        greatest = (
            "The greatest significant difference is"
            if first.is_significant
            else "No part differs significantly by itself; the greatest difference is"
        )
        text = (
            f"The mean time of a batch is {change}. {greatest} {first.part}: "
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
    earlier, current = (frame.reindex(columns=names, fill_value=0.0) for frame in (earlier, current))
    both = _same_batches(earlier, current) if _have_the_same_draws(before, now) else None
    if both is not None:
        earlier, current = both
    sums = earlier.sum(axis=1), current.sum(axis=1)
    whole = _difference("time of a batch", *sums, 1 - ERROR_RATE, None, paired=both is not None)
    # The intervals of the parts hold together (Bonferroni): one of many would often miss 0 by chance.
    confidence = 1 - ERROR_RATE / max(len(names), 1)
    found = [
        _difference(
            name, earlier[name], current[name], confidence, whole.difference_s, paired=both is not None
        )
        for name in names
    ]
    ordered = sorted(found, key=lambda part: -abs(part.difference_s))
    return TimeDifferences(whole, tuple(ordered))


def _have_the_same_draws(before: Run, now: Run) -> bool:
    return (before.header.seed, before.header.replication) == (now.header.seed, now.header.replication)


def _same_batches(before: pd.DataFrame, now: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the rows of the batches of both runs; None if these are too few of them."""
    one, other = (frame.reset_index("at_s") for frame in (before, now))
    common = one.index.intersection(other.index)
    common = common[common.get_level_values("arrival") >= 0]
    one, other = one.loc[common], other.loc[common]
    is_same = (one["at_s"] - other["at_s"]).abs().to_numpy() < SAME_S
    if is_same.sum() < MOSTLY * min(len(before), len(now)):
        return None
    one, other = (frame[is_same].sort_values("at_s", kind="stable") for frame in (one, other))
    return one.drop(columns="at_s"), other.drop(columns="at_s").loc[one.index]


def _difference(
    name: str,
    before: "pd.Series[float]",
    now: "pd.Series[float]",
    confidence: float,
    whole: float | None,
    *,
    paired: bool,
) -> TimeDifference:
    """Return one difference; *whole* is that of the time of a batch, None for itself."""
    earlier, current = (np.asarray(values, dtype=np.float64) for values in (before, now))
    low, high = difference_interval(current, earlier, confidence, paired=paired)
    means = float(earlier.mean()), float(current.mean())
    difference = means[1] - means[0]
    share = 1.0 if whole is None else difference / whole if whole else 0.0
    return TimeDifference(name, *means, low, high, share)
