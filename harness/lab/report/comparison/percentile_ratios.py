"""
Ratios of the percentiles of two runs, with confidence intervals.

The interval is a block bootstrap of both percentiles, because values of one queue depend on each other; see
`harness.lab.gate.regression.block_bootstrap`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.lab.gate.regression.block_bootstrap import ratio_interval
from harness.lab.report.wording import ABSENT, seconds
from harness.lab.results.percentile import percentile_of_sorted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.lab.results.run import Run

LEAST = 20
"""Rows with fewer requests in either run are not compared."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """
    The ratio now/before of one percentile of one row, and its 95 % confidence interval *low*, *high*.

    Attributes:
        before_s, now_s: The percentiles; infinite if too many batches failed or had not ended.
        failed_before, failed_now: Rows that failed [count].
        unfinished_before, unfinished_now: Rows that had not ended when their run did [count].
    """

    name: str
    percent: float
    before_s: float
    now_s: float
    low: float
    high: float
    failed_before: int = 0
    failed_now: int = 0
    unfinished_before: int = 0
    unfinished_now: int = 0

    @property
    def ratio(self) -> float:
        """1 if both are 0, infinite if only the earlier one is; not a number if both are infinite."""
        if self.before_s == 0:
            return 1.0 if self.now_s == 0 else math.inf
        return self.now_s / self.before_s

    @property
    def slower(self) -> bool:
        """Whether even the lower bound is above 1."""
        return self.low > 1

    @property
    def failures(self) -> str:
        """The rows that failed or had not ended, in words; empty without such rows."""
        texts = []
        if self.failed_before or self.failed_now:
            texts.append(f"failed: {self.failed_before} before, {self.failed_now} now")
        if self.unfinished_before or self.unfinished_now:
            texts.append(f"unfinished: {self.unfinished_before} before, {self.unfinished_now} now")
        return "; ".join(texts)


def factor(value: float, decimals: int = 3) -> str:
    """Return a ratio as text."""
    if math.isnan(value):
        return ABSENT
    return "∞" if math.isinf(value) else f"{value:.{decimals}f}"


@dataclass(frozen=True, slots=True)
class PercentileRatios:
    """The ratios of two runs."""

    run: str
    baseline: str
    ratios: tuple[Ratio, ...]

    def table(self) -> str:
        """Return the comparison as lines of text."""
        lines = [f"{self.run} against {self.baseline}"]
        lines += [_line(one) for one in self.ratios]
        if not self.ratios:
            lines.append(f"  no row has {LEAST} or more requests in both runs")
        return "\n".join(lines) + "\n"


def compare(folder: Path, baseline: Path, percents: Sequence[float] = (50.0, 95.0)) -> PercentileRatios:
    """Compare the response times of two run folders, row by row, without the warm-up."""
    from harness.lab.results.run import Run

    now, before = Run.load(folder), Run.load(baseline)
    return PercentileRatios(now.id, before.id, tuple(_ratios(now, before, percents)))


def _line(one: Ratio) -> str:
    before, now = (
        f"{time:9.3f} s" if math.isfinite(time) else seconds(time) for time in (one.before_s, one.now_s)
    )
    failures = f"  ({one.failures})" if one.failures else ""
    return (
        f"  {one.name:<28} p{one.percent:g}  {before:>11} → {now:>11}   × {factor(one.ratio)} "
        f"[{factor(one.low)}, {factor(one.high)}]{'  slower' if one.slower else ''}{failures}"
    )


def _ratios(now: "Run", before: "Run", percents: Sequence[float]) -> Iterable[Ratio]:
    time = RequestTime.of(before, now)
    current, earlier = response_times(now, time), response_times(before, time)
    for name in sorted(current.keys() & earlier.keys()):
        a, b = current[name], earlier[name]
        if min(a.seconds.size, b.seconds.size) < LEAST:
            continue
        counts = b.failed, a.failed, b.unfinished, a.unfinished
        # Not `percentile`: its histogram of very many values has no place for infinite ones.
        ordered = np.sort(b.seconds), np.sort(a.seconds)
        for percent in percents:
            low, high = ratio_interval([a.seconds], [b.seconds], percent)
            before_s, now_s = (percentile_of_sorted(each, percent) for each in ordered)
            yield Ratio(name, percent, before_s, now_s, low, high, *counts)


class RequestTime(Enum):
    """The time in which requests are compared; end-to-end rows are always compared in model time."""

    SAME = ""
    CLOCK = ", clock time"
    MODEL = ", model time"

    @classmethod
    def of(cls, before: "Run", now: "Run") -> "RequestTime":
        """Clock time, unless the time scales differ: a second of one clock is then not one of the other."""
        if before.time_scale != now.time_scale:
            return cls.MODEL
        return cls.CLOCK if now.time_scale != 1 else cls.SAME


@dataclass(frozen=True, slots=True, eq=False)
class ResponseTimes:
    """
    The response times of one row.

    Attributes:
        seconds: In the order of the intended starts; infinite for what had not ended, and for the time until
            READY of a batch that failed.
        failed, unfinished: Rows that failed, and that had not ended when the run did [count].
    """

    seconds: "NDArray[np.float64]"
    failed: int
    unfinished: int


def response_times(run: "Run", time: RequestTime = RequestTime.SAME) -> dict[str, ResponseTimes]:
    """Return the response times of each row after the warm-up; the name of a request tells its *time*."""
    frame = run.requests
    frame = frame[(frame["intended_at"] >= run.warm_up) & frame["outcome"].isin(("ok", "failed", "censored"))]
    frame = frame.sort_values("intended_at", kind="stable")
    is_batch = frame["type"] == "E2E"
    scales = np.where(is_batch | (time is RequestTime.MODEL), run.time_scale, 1.0)
    failed, unfinished = frame["outcome"] == "failed", frame["outcome"] == "censored"
    is_endless = unfinished | (failed & is_batch & (frame["name"] == "ready"))
    times = ((frame["finished_at"] - frame["intended_at"]) * scales).mask(is_endless, math.inf)
    label = frame["type"].str.cat(frame["name"], sep=" ").where(is_batch, lambda names: names + time.value)
    return {
        str(name): ResponseTimes(
            group.to_numpy(dtype=float), int(failed[group.index].sum()), int(unfinished[group.index].sum())
        )
        for name, group in times.groupby(label)
    }
