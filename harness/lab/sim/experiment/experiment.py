"""
The results of an experiment: estimates over several replications, and comparisons of two systems.

Replications of one scenario have random numbers of their own. Two compared systems have the same random
numbers, so that most of the noise cancels. Times in seconds of model time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.percentile import percentile
from harness.lab.sim.experiment.quantiles import (
    Estimate,
    Floats,
    LimitResult,
    mean_estimate,
    paired_difference,
    percentile_estimate,
)
from harness.lab.sim.experiment.replications import Replication
from harness.lab.sim.experiment.steady_state import too_short
from harness.lab.sim.experiment.warm_up import WarmUp
from harness.lab.workload.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Experiment:
    """
    Replications of one system, and their common estimates.

    Only batches that arrive after the warm-up and before the cool-down are counted. Without any, or without
    one that became READY, an estimate raises ValueError.

    Attributes:
        cool_down: Length of the cool-down, at the end of the arrivals [s].
        reached: Whether the required precision was reached; True without a required precision.
        whole_runs: Whether runs from empty to their end are estimated, and not a steady state.
    """

    scenario: Scenario
    replications: tuple[Replication, ...]
    warm_up: WarmUp
    cool_down: float
    confidence: float = 0.95
    reached: bool = True
    whole_runs: bool = False

    @cached_property
    def ready(self) -> list[Floats]:
        """
        Times to READY of the counted batches by replication [s], without those that failed.

        Unfinished batches have the time until the end of the run: without them an overload would look fast.
        """
        return [each.ready[kept] for each, kept in self._kept]

    @property
    def _upper_bounds(self) -> list[Floats]:
        """The same times if the unfinished batches never became READY; without empty replications."""
        bounds = [np.where(each.is_open, math.inf, each.ready)[kept] for each, kept in self._kept]
        return [values for values in bounds if values.size]

    @cached_property
    def _kept(self) -> list[tuple[Replication, NDArray[np.bool_]]]:
        return [(each, self._counted(each) & (each.is_ready | each.is_open)) for each in self.replications]

    @cached_property
    def unfinished(self) -> int:
        """Number of counted batches that had not ended when their run did."""
        return sum(int((kept & each.is_open).sum()) for each, kept in self._kept)

    def percentile(self, percent: float) -> Estimate:
        """Estimate a percentile of the time to READY [s]; a lower bound if unfinished batches matter."""
        values = self._non_empty(self.ready, "became READY of those that arrived")
        depends = any(
            percentile(low, percent) != percentile(high, percent)
            for low, high in [
                (np.concatenate(values), np.concatenate(self._upper_bounds)),
                *zip(values, self._upper_bounds, strict=True),
            ]
        )
        found = replace(percentile_estimate(values, percent, self.confidence), at_least=depends)
        reason = self._too_short(values) if len(values) > 1 else ""
        return found.refused(reason) if reason else found

    def _too_short(self, values: Sequence[Floats]) -> str:
        """Return why there is no interval for a steady state; empty if whole runs are estimated."""
        if self.whole_runs or not self.scenario.is_steady:
            return ""
        return too_short(values, self.scenario.duration_s)

    @property
    def mean(self) -> Estimate:
        """The mean time to READY [s]; a lower bound if there are unfinished batches."""
        values = self._non_empty(self.ready, "became READY of those that arrived")
        means = [each.mean() for each in values]
        return replace(mean_estimate(means, self.confidence), at_least=self.unfinished > 0)

    @property
    def failed(self) -> Estimate:
        """The share of batches that did not become READY."""
        is_ready = [each.is_ready[self._counted(each)] for each in self.replications]
        failed = [1 - each.mean() for each in self._non_empty(is_ready, "arrived")]
        return mean_estimate(failed, self.confidence)

    @property
    def has_times(self) -> bool:
        """Whether a counted batch became READY or is unfinished, so that times can be estimated."""
        return any(values.size for values in self.ready)

    def check_limit(self, percent: float, limit: float) -> LimitResult:
        """
        Check that a percentile of the time to READY is at most *limit* seconds.

        The result is INCONCLUSIVE if it depends on unfinished batches.
        """
        if not self.has_times:
            return LimitResult.INCONCLUSIVE
        estimate = self.percentile(percent)
        result = estimate.check_limit(limit)
        if not estimate.at_least or result is LimitResult.FAIL:
            return result
        bounds = self._upper_bounds
        if any(math.isinf(percentile(values, percent)) for values in bounds):
            return LimitResult.INCONCLUSIVE
        if estimate.refusal:
            return LimitResult.INCONCLUSIVE
        result = percentile_estimate(bounds, percent, self.confidence).check_limit(limit)
        return result if result is LimitResult.PASS else LimitResult.INCONCLUSIVE

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per replication; with unfinished batches percentiles are lower bounds."""
        import pandas as pd  # heavy: imported only when a frame is needed

        rows = []
        for each, values in zip(self.replications, self.ready, strict=True):
            counted = self._counted(each)
            row: dict[str, float] = {
                "replication": each.number,
                "batches": int(counted.sum()),
                "failed": int((counted & ~each.is_ready & ~each.is_open).sum()),
                "unfinished": int((counted & each.is_open).sum()),
            }
            for percent in (50, 95, 99):
                row[f"p{percent}_s"] = percentile(values, percent) if values.size else math.nan
            rows.append(row)
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        counted = f"counted from {self.warm_up.until:g} s to {self._counted_until:g} s"
        title = f"Experiment: {self.scenario.name}, {len(self.replications)} replications, {counted}"
        estimates = (
            f"p{percent} of READY [s]: {self.percentile(percent)}" for percent in self._shown_percents
        )
        return "\n".join(
            [title, *estimates, self.to_frame().to_string(index=False, float_format="{:.4g}".format)]
        )

    def _repr_html_(self) -> str:
        estimates = "".join(
            f"<tr><th>p{percent}</th><td>{self.percentile(percent)} s</td></tr>"
            for percent in self._shown_percents
        )
        return f"<table>{estimates}</table>{self.to_frame().to_html(index=False)}"

    @property
    def _shown_percents(self) -> tuple[int, ...]:
        return (50, 95, 99) if self.has_times else ()

    @property
    def _counted_until(self) -> float:
        return self.scenario.duration_s - self.cool_down

    def _counted(self, replication: Replication) -> NDArray[np.bool_]:
        arrived_at = replication.arrived_at
        return np.asarray((arrived_at >= self.warm_up.until) & (arrived_at < self._counted_until))

    def _non_empty(self, found: Sequence[NDArray[Any]], event: str) -> list[NDArray[Any]]:
        """Return the values of the replications that have any."""
        values = [each for each in found if each.size]
        if not values:
            raise ValueError(f"no batch {event} from {self.warm_up.until:g} s to {self._counted_until:g} s")
        return values


def compare(ours: Experiment, theirs: Experiment, percent: float = 95) -> Estimate:
    """
    Estimate how much longer *ours* takes to READY than *theirs*, at a percentile [s].

    Replication *i* of both has the same arrivals, batches and service times. The longer warm-up and cool-down
    of the two are used for both; a replication is left out if no batch of one of them is READY.

    Raises:
        ValueError: They have different numbers of replications or different arrivals; no batch became READY
            in both; or the result depends on unfinished batches.
    """
    if len(ours.replications) != len(theirs.replications):
        raise ValueError(
            f"{len(ours.replications)} replications cannot be paired with {len(theirs.replications)}"
        )
    if not ours.scenario.users and any(
        not np.array_equal(one.arrived_at, other.arrived_at)
        for one, other in zip(ours.replications, theirs.replications, strict=True)
    ):
        raise ValueError(
            "the experiments have different arrivals: compare systems under one scenario and one seed"
        )
    warm_up = max(ours.warm_up, theirs.warm_up, key=lambda each: each.until)
    cool_down = max(ours.cool_down, theirs.cool_down)
    ours, theirs = (replace(each, warm_up=warm_up, cool_down=cool_down) for each in (ours, theirs))
    for each in (ours, theirs):
        if each.has_times and each.percentile(percent).at_least:
            raise ValueError(
                f"{each.unfinished} batches had not ended when their replication did, and the percentile "
                f"depends on them: increase drain_s"
            )
    pairs = [
        (percentile(one, percent), percentile(other, percent))
        for one, other in zip(ours.ready, theirs.ready, strict=True)
        if one.size and other.size
    ]
    if not pairs:
        raise ValueError("no replication has batches that became READY in both")
    ours_by_replication, theirs_by_replication = zip(*pairs, strict=True)
    return paired_difference(ours_by_replication, theirs_by_replication, ours.confidence)
