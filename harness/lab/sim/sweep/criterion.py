"""
What a value of a parameter is judged by: an objective on READY, over replications.

A failed batch counts as never READY. An unfinished one may still become READY: a result that depends on it is
INCONCLUSIVE.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.lab.gate.objective import Objective
from harness.lab.sim.experiment.quantiles import Estimate, LimitResult, mean_estimate
from harness.lab.sim.sweep.replication_summary import ReplicationSummary

OF_READY = ("E2E:ready", "E2E ready", "ready")


@dataclass(frozen=True, slots=True)
class Criterion:
    """
    An upper limit of a percentile of the time to READY, or of the share of batches that are not READY.

    Attributes:
        percent: The percentile; None for the share.
        limit: [s] or 0…1.
    """

    objective: Objective
    percent: float | None
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Criterion":
        """Read an objective; a ValueError says why it cannot be judged over replications."""
        objective = Objective.parse(text)
        is_known = objective.percent is not None or objective.function == "fail_ratio"
        is_upper = objective.comparison in ("<", "<=") and objective.window is None
        if objective.selector not in OF_READY or not is_known or not is_upper:
            raise ValueError(
                f"{text!r} cannot be judged over replications; write for example p95(E2E:ready) <= 10 min or "
                "fail_ratio(E2E:ready) <= 1 %"
            )
        return cls(objective, objective.percent, float(objective.limit))

    def estimate(self, replications: Sequence[ReplicationSummary], confidence: float = 0.95) -> Estimate:
        """Estimate the value that is limited; infinite if too many batches fail."""
        values = self._values(replications, "low")
        if not len(values):
            raise ValueError("no batch arrived in the time that is counted")
        if np.isinf(values).any():
            return Estimate(math.inf, math.inf, math.inf, len(values), confidence)
        return mean_estimate(values, confidence)

    def check(self, replications: Sequence[ReplicationSummary], confidence: float) -> LimitResult:
        """Check the limit with one-sided confidence bounds."""
        low, high = self._values(replications, "low"), self._values(replications, "high")
        if len(low) < 2:
            return LimitResult.INCONCLUSIVE
        if np.isinf(low).any():
            most_fail = np.isinf(low).mean() >= 0.5
            return LimitResult.FAIL if most_fail else LimitResult.INCONCLUSIVE
        if mean_estimate(low, confidence).check_limit(self.limit) is LimitResult.FAIL:
            return LimitResult.FAIL
        if np.isinf(high).any() or self._may_be_luck(replications, high, confidence):
            return LimitResult.INCONCLUSIVE
        holds = mean_estimate(high, confidence).check_limit(self.limit) is LimitResult.PASS
        return LimitResult.PASS if holds else LimitResult.INCONCLUSIVE

    def _values(
        self, replications: Sequence[ReplicationSummary], bound: str
    ) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        counted = [each for each in replications if each.batches]
        if self.percent is not None:
            return np.array([getattr(each.percentiles[self.percent], bound) for each in counted])
        return np.array(
            [
                (each.failed if bound == "low" else each.failed + each.unfinished) / each.batches
                for each in counted
            ]
        )

    def _may_be_luck(
        self,
        replications: Sequence[ReplicationSummary],
        shares: "np.ndarray[tuple[int], np.dtype[np.float64]]",
        confidence: float,
    ) -> bool:
        """Return whether the batches are too few to exclude a share above the limit, even if independent."""
        if self.percent is not None:
            return False
        batches = [each.batches for each in replications if each.batches]
        failed, count = round(float(shares @ batches)), sum(batches)
        # The exact binomial bound (Clopper and Pearson); Student's is too low for a few failures.
        return bool(failed < count and stats.beta.ppf(confidence, failed + 1, count - failed) > self.limit)
