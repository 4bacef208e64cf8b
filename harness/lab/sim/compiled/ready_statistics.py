"""
The statistics of a run that keeps no tables: how many batches became READY after how long, in a histogram.

The memory of a histogram does not depend on the number of batches; a bucket is at most a thousandth of its
value wide, so a percentile is known to a thousandth. All arrivals count, also those of the warm-up. Times in
seconds of model time.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.lab.gate.objective import Objective
from harness.lab.results.percentile import nearest_rank
from harness.lab.sim.compiled.kernel.clients.client_records import HISTOGRAM, SUB_BUCKETS
from harness.lab.sim.compiled.kernel.row_log import CENSORED, OK
from harness.lab.sim.experiment.quantiles import LimitResult
from harness.lab.sim.sweep.criterion import Criterion
from harness.lab.workload.scenario import Scenario
from harness.states_language.host import NS

NANOSECONDS_OF_BUCKET = 10
"""The finest buckets are 2¹⁰ ns wide."""

PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class TimeBounds:
    """The bucket of a time [s]; infinite if the batch never becomes READY."""

    low: float
    high: float


@dataclass(frozen=True)
class ReadyStatistics:
    """
    Times to READY.

    Attributes:
        counts: Number of batches by outcome and bucket, shape (outcomes, buckets).
    """

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, histogram: NDArray[np.int64]) -> "ReadyStatistics":
        """Return the statistics of a kernel's histogram."""
        return cls(histogram.reshape(-1, HISTOGRAM).copy())

    @property
    def batches(self) -> int:
        """Number of batches whose client waited for READY."""
        return int(self.counts.sum())

    @property
    def ready(self) -> int:
        return int(self.counts[OK].sum())

    @property
    def unfinished(self) -> int:
        """Number of batches that had not ended when the run did."""
        return int(self.counts[CENSORED].sum())

    @property
    def failed(self) -> int:
        return self.batches - self.ready - self.unfinished

    def percentile(self, percent: float) -> TimeBounds:
        """Return a percentile of the batches that became READY; ValueError if none did."""
        if not self.ready:
            raise ValueError("no batch became READY")
        return _bounds_at(self.counts[OK], nearest_rank(percent, self.ready))

    def check(self, criterion: Criterion) -> LimitResult:
        """
        Check an objective; a failed batch never becomes READY, an unfinished one may.

        INCONCLUSIVE: it depends on unfinished batches, or on where in its bucket a time is.
        """
        if not self.batches:
            return LimitResult.INCONCLUSIVE
        if criterion.percent is None:
            low, high = self.failed / self.batches, (self.failed + self.unfinished) / self.batches
        else:
            rank = nearest_rank(criterion.percent, self.batches)
            low = _bounds_at(self.counts[OK] + self.counts[CENSORED], rank).low
            high = _bounds_at(self.counts[OK], rank).high
        if high <= criterion.limit:
            return LimitResult.PASS
        return LimitResult.FAIL if low > criterion.limit else LimitResult.INCONCLUSIVE

    def objectives(self, scenario: Scenario) -> dict[str, LimitResult | None]:
        """Return the result of each objective of a scenario; None if it needs tables."""
        return {each.expression: self._result(each.expression) for each in scenario.objectives}

    def to_dict(self) -> dict[str, Any]:
        """Return counts and percentiles as plain values; a percentile is the pair of its bounds."""
        counts = {name: getattr(self, name) for name in ("batches", "ready", "failed", "unfinished")}
        times = {f"p{percent:g}_s": self.percentile(percent) for percent in PERCENTS} if self.ready else {}
        return {**counts, **{name: [each.low, each.high] for name, each in times.items()}}

    def _result(self, expression: str) -> LimitResult | None:
        Objective.parse(expression)
        try:
            return self.check(Criterion.parse(expression))
        except ValueError:
            return None


def _bounds_at(counts: NDArray[np.int64], rank: int) -> TimeBounds:
    """Return the bucket of the time at a rank from 1; infinite beyond the last one."""
    place = int(np.searchsorted(np.cumsum(counts), rank))
    if place >= counts.size:
        return TimeBounds(math.inf, math.inf)
    doublings = max(place // SUB_BUCKETS - 1, 0)
    value = place - SUB_BUCKETS * doublings
    low, high = ((each << doublings + NANOSECONDS_OF_BUCKET) / NS for each in (value, value + 1))
    return TimeBounds(low, high)
