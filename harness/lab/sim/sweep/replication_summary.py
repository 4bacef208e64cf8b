"""
The summary of one replication: what estimates need of it, so that workers need not return every batch.

Percentiles are exact: the nearest rank in the times of the replication [s].
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.lab.results.percentile import percentile
from harness.lab.sim.experiment.replications import Replication

PERCENTS = (50.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True)
class ReadyPercentile:
    """
    A percentile of the time to READY in one replication [s].

    Attributes:
        value: Without failed batches; an unfinished one has the time until the end. NaN without any.
        low: With failed batches as never READY, thus infinite.
        high: With failed and unfinished batches as never READY.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReplicationSummary:
    """
    The counted batches of one replication.

    Attributes:
        failed, unfinished: Number of batches that failed, and that had not ended when the run did.
        percentiles: By percentage.
    """

    number: int
    batches: int
    failed: int
    unfinished: int
    percentiles: dict[float, ReadyPercentile]

    @property
    def not_ready(self) -> float:
        """The share of batches that did not become READY; NaN without batches."""
        return (self.failed + self.unfinished) / self.batches if self.batches else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain values; null stands for infinite and for no value."""
        counts = {name: getattr(self, name) for name in ("batches", "failed", "unfinished")}
        times = {
            f"p{percent:g}_s": [_finite(one.value), _finite(one.low), _finite(one.high)]
            for percent, one in self.percentiles.items()
        }
        return {"replication": self.number, **counts, **times}

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "ReplicationSummary":
        """Read what `to_dict` returned."""
        percentiles = {
            float(name[1:-2]): ReadyPercentile(
                math.nan if times[0] is None else times[0],
                *(_bound(bound, row["batches"]) for bound in times[1:]),
            )
            for name, times in row.items()
            if name[0] == "p" and name.endswith("_s")
        }
        return cls(row["replication"], row["batches"], row["failed"], row["unfinished"], percentiles)


def summarise(
    replication: Replication, counted_from: float, counted_until: float, percents: Sequence[float]
) -> ReplicationSummary:
    """Return the summary of the batches that arrived in a period of time [s]."""
    arrived_at = replication.arrived_at
    counted = (arrived_at >= counted_from) & (arrived_at < counted_until)
    times = replication.ready[counted]
    is_ready, is_open = replication.is_ready[counted], replication.is_open[counted]
    ended = times[is_ready | is_open]
    low = np.where(is_ready | is_open, times, math.inf)
    high = np.where(is_ready, times, math.inf)
    percentiles = {
        float(percent): ReadyPercentile(*(_percentile(one, percent) for one in (ended, low, high)))
        for percent in percents
    }
    failed = int((~is_ready & ~is_open).sum())
    return ReplicationSummary(replication.number, times.size, failed, int(is_open.sum()), percentiles)


def _percentile(values: Any, percent: float) -> float:
    return float(percentile(values, percent)) if values.size else math.nan


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _bound(value: float | None, batches: int) -> float:
    if value is not None:
        return value
    return math.inf if batches else math.nan
