"""
The agreement of a prediction with the live run: ratios of times, with intervals, and the counts.

Ratios are predicted over live. The intervals are block bootstraps, see
`harness.lab.gate.regression.block_bootstrap`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.fidelity.predictions import Outcome, Times
from harness.lab.gate.regression.block_bootstrap import ratio_interval
from harness.lab.report.comparison.time_differences import time_differences
from harness.lab.results.percentile import percentile

FIGURES: tuple[tuple[str, float | None], ...] = (("mean", None), ("p50", 50.0), ("p95", 95.0), ("p99", 99.0))
LEAST = 20
"""Fewer attempts of a step are not compared."""


@dataclass(frozen=True)
class Agreement:
    """
    One figure of one load.

    Attributes:
        low, high: 95 % interval of *ratio*.
        tolerance: Largest accepted error [ratio].
    """

    what: str
    figure: str
    live_s: float
    predicted_s: float
    low: float
    high: float
    tolerance: float

    @property
    def ratio(self) -> float:
        return self.predicted_s / self.live_s

    @property
    def holds(self) -> bool:
        return abs(self.ratio - 1) <= self.tolerance


def ready_agreement(
    live: Outcome, predicted: Outcome, tolerances: tuple[float, float, float]
) -> list[Agreement]:
    """Compare the times to READY: mean, p50, p95 and p99."""
    return list(_agreements("READY", live.ready, predicted.ready, tolerances))


def step_agreement(
    live: Outcome, predicted: Outcome, tolerances: tuple[float, float, float]
) -> list[Agreement]:
    """Compare p50 and p95 of the steps that both have often enough."""
    return [
        one
        for state in live.steps
        if state in predicted.steps and min(live.steps[state].size, predicted.steps[state].size) >= LEAST
        for one in _agreements(state, live.steps[state], predicted.steps[state], tolerances)
        if one.figure in ("p50", "p95")
    ]


def what_is_wrong(live: Outcome, predicted: Outcome) -> str:
    """Return the sentence on the part that explains most of the difference."""
    if live.run is None or predicted.run is None:
        return ""
    found = time_differences(live.run, predicted.run)
    if found is None:
        return "There are too few batches to say which part differs."
    return found.sentence.replace(" before", " live").replace(" now", " simulated")


def _agreements(
    what: str, live: Times, predicted: Times, tolerances: tuple[float, float, float]
) -> Iterator[Agreement]:
    for figure, percent in FIGURES:
        low, high = ratio_interval([predicted], [live], percent)
        tolerance = {None: tolerances[0], 99.0: tolerances[2]}.get(percent, tolerances[1])
        times = _figure(live, percent), _figure(predicted, percent)
        yield Agreement(what, figure, *times, low, high, tolerance)


def _figure(times: Times, percent: float | None) -> float:
    return float(np.mean(times)) if percent is None else percentile(times, percent)
