"""
Visits to one station, and what they say about it: waits, service times, and numbers at once. Seconds.

The mean and the percentile of a number are over time: a queue of ten for a tenth of the run has the mean one.
"""

import math
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from harness.lab.results.percentile import percentile

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number that changes over time: its mean, its 95th percentile and its maximum."""

    mean: float
    p95: float
    most: int


@dataclass(frozen=True, slots=True)
class Visits:
    """
    Visits, one element each.

    Attributes:
        ready: When it came.
        started: When service began; NaN if it did not.
        finished: When service ended, or the visitor left the queue; NaN if it did not.
    """

    ready: Floats
    started: Floats
    finished: Floats

    @property
    def waits(self) -> Floats:
        """Time in the queue of those that were served."""
        return np.clip((self.started - self.ready)[~np.isnan(self.started)], 0.0, None)

    @property
    def services(self) -> Floats:
        """Service times of those whose service has ended."""
        spent = self.finished - self.started
        return spent[~np.isnan(spent)]

    def in_service(self, length: float) -> Numbers:
        """Return the number in service over a run of a length [s]."""
        served = ~np.isnan(self.started)
        return numbers_over_time(self.started[served], self.finished[served], length)

    def in_queue(self, length: float) -> Numbers:
        """Return the number that waits over a run of a length [s]."""
        left = np.where(np.isnan(self.started), self.finished, self.started)
        came = ~np.isnan(self.ready)
        return numbers_over_time(self.ready[came], left[came], length)

    def limited_to(self, servers: int) -> "Visits":
        """
        Return the visits with ends at which at most so many are in service.

        An end is sometimes known late, e.g. by an event that takes its time. A server is free at the latest
        when the next visitor takes it, so the one that would have ended first has ended then.
        """
        if self._most_in_service() <= servers:
            return self
        busy = list[tuple[float, int]]()
        started, finished = self.started.tolist(), self.finished.tolist()
        served = np.flatnonzero(~np.isnan(self.started))
        for place in served[np.argsort(self.started[served], kind="stable")].tolist():
            began, end = started[place], finished[place]
            while busy and busy[0][0] <= began:
                heappop(busy)
            if len(busy) >= servers:
                _, first = heappop(busy)
                finished[first] = max(began, started[first])
            heappush(busy, (math.inf if math.isnan(end) else end, place))
        return Visits(self.ready, self.started, np.array(finished, np.float64))

    def _most_in_service(self) -> int:
        """Return a bound of the number in service: one that ends when another begins counts, too."""
        served = ~np.isnan(self.started)
        ended = np.searchsorted(np.sort(self.finished[served]), np.sort(self.started[served]))
        return int((np.arange(1, len(ended) + 1) - ended).max(initial=0))


def numbers_over_time(starts: Floats, ends: Floats, length: float) -> Numbers:
    """Return how many intervals contain an instant from 0 to *length* [s]; one without an end never ends."""
    if (starts == ends).all():
        # Nobody waits in most queues.
        return Numbers(0.0, 0.0, 0)
    times, changes = _in_order(ends[~np.isnan(ends)], starts, length)
    levels = np.concatenate([[0], np.cumsum(changes)])
    spans = np.diff(np.concatenate([[0.0], times, [length]]))
    if not length:
        return Numbers(0.0, 0.0, 0)
    by_level = np.bincount(np.maximum(levels, 0), weights=spans)
    # The least level below which the number was for 95 % of the time.
    p95 = int(np.searchsorted(np.cumsum(by_level), 0.95 * by_level.sum() * (1 - 1e-12)))
    return Numbers(float((levels * spans).sum() / length), float(p95), int(levels.max()))


def _in_order(ends: Floats, starts: Floats, length: float) -> tuple[Floats, NDArray[np.int64]]:
    """
    Return the instants of ends and starts in their order, with the change of the number at each.

    At one instant ends come before starts, so a server that is handed over counts once.
    """
    times = np.clip(np.concatenate([ends, starts]), 0.0, length)
    # Floats that are not negative have the order of their bits. To sort whole numbers takes a fifth of the
    # time of a stable sort of floats.
    keys = times.view(np.uint64) << np.uint64(1)
    keys[len(ends) :] |= np.uint64(1)
    keys.sort()
    changes = (keys & np.uint64(1)).astype(np.int64) * 2 - 1
    return (keys >> np.uint64(1)).view(np.float64), changes


def quantile_or_none(values: Floats, percent: float) -> float | None:
    """Return a percentile; None without values."""
    return percentile(values, percent) if len(values) else None


def mean_or_none(values: Floats) -> float | None:
    """Return a mean; None without values."""
    return float(values.mean()) if len(values) else None
