"""
A grid that was simulated from a run: at each point the p95 of the time to READY, the alarms and the cost.

Whoever renders a page brings it: the report does not simulate. Times in model seconds, money in US dollars.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

WHAT_IF = "what_if"
"""Stem of the file with the points, and anchor of their section."""


@dataclass(frozen=True, slots=True)
class GridAxis:
    """One parameter: its key, its values, and the index of the run's own value (None: not among them)."""

    key: str
    values: Sequence[Any]
    base: int | None = None


@dataclass(frozen=True, slots=True)
class GridPoint:
    """
    The outcome at one point.

    Attributes:
        p95: Mean over the replications; NaN if no batch became READY.
        low, high: Its interval; *high* is infinite if unfinished batches leave it open.
        not_ready: Share of the batches that did not become READY [0…1].
        alarms: In how many of the *played* replications each alarm fired, by name.
        dollars: Mean cost of a run.
        dollars_per_thousand: Cost of a thousand batches.
    """

    p95: float
    low: float
    high: float
    not_ready: float
    alarms: Mapping[str, int]
    played: int
    dollars: float
    dollars_per_thousand: float


@dataclass(frozen=True, slots=True)
class WhatIfGrid:
    """
    The points of a grid, in its order: the last axis changes fastest.

    Attributes:
        replications: Of each point, for the times; the alarms and the cost come from fewer.
        seed: Of the scenario; replication *i* has the same random numbers at each point.
        limit: Limit of an objective ``p95(E2E:ready)`` of the scenario; None without one.
    """

    axes: Sequence[GridAxis]
    points: Sequence[GridPoint]
    replications: int
    seed: int
    limit: float | None = None

    def positions(self) -> Iterator[tuple[tuple[int, ...], GridPoint]]:
        """Yield each point with its index on each axis."""
        places = itertools.product(*(range(len(axis.values)) for axis in self.axes))
        return zip(places, self.points, strict=True)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per point: parameters, p95 with its interval, alarms that fired, cost."""
        import pandas as pd  # heavy: imported only when a frame is needed

        return pd.DataFrame([self._row(at, point) for at, point in self.positions()])

    def _row(self, at: Sequence[int], point: GridPoint) -> dict[str, Any]:
        fired = (f"{name} in {count}" for name, count in point.alarms.items() if count)
        return {
            **{axis.key: axis.values[place] for axis, place in zip(self.axes, at, strict=True)},
            "replications": self.replications,
            "p95_s": point.p95,
            "p95_low_s": point.low,
            "p95_high_s": point.high,
            "not_ready": point.not_ready,
            "played": point.played,
            "alarms_fired": "; ".join(fired),
            "dollars": point.dollars,
            "dollars_per_thousand_batches": point.dollars_per_thousand,
        }
