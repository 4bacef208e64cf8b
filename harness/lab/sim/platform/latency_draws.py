"""
Keyed draws of the platform's latencies, made for many entities at once.

A draw is the pure function of its key that `harness.lab.workload.draws` defines; drawing ahead is only a
quicker way to get at it. Times are nanoseconds.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.lab.sim.model.engine import nanoseconds
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Lognormal, Uniform
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.draws import Stream
from harness.states_language.host_clock import NS

AHEAD = 512
"""Entities drawn for in one go."""

KEPT = 8 * AHEAD
"""Entities kept; older ones are drawn alone: in an overload there are too many to keep."""

Floats = NDArray[np.float64]


class Draws:
    """
    Times of one purpose.

    Args:
        width: Items of an entity drawn in one go; others are drawn alone.
        attempt: The attempt drawn so; others are drawn alone.
    """

    def __init__(
        self,
        distribution: Distribution,
        seed: int,
        replication: int,
        name: str,
        width: int = 32,
        attempt: int = 1,
    ) -> None:
        self._distribution = distribution
        self._stream = Stream(seed, replication, f"platform/{name}")
        self._width = width
        self._attempt = attempt
        self._constant = nanoseconds(distribution.value) if isinstance(distribution, Constant) else None
        # One long list, row after row from the first entity on: nothing else is as quick to get at.
        self._drawn: list[int] = []
        self._first = 0

    def __call__(self, entity: int, item: int = 0, attempt: int = 1) -> int:
        """Return the time of one key [ns], never negative."""
        if attempt == self._attempt and item < self._width:
            place = (entity - self._first) * self._width + item
            if 0 <= place < len(self._drawn):
                return self._drawn[place]
        return self._rarely(entity, item, attempt)

    def row(self, entity: int, items: int = 0) -> list[int]:
        """
        Return the times of an entity's first items [ns].

        Args:
            items: So many at least.
        """
        if self._constant is not None:
            return [self._constant] * max(items, self._width)
        if items <= self._width and self._draw_ahead(entity):
            place = (entity - self._first) * self._width
            return self._drawn[place : place + self._width]
        draws = self._stream.many(np.array([entity]), np.arange(max(items, self._width)), self._attempt)
        wide: list[int] = self._times(draws)
        return wide

    def _rarely(self, entity: int, item: int, attempt: int) -> int:
        if self._constant is not None:
            return self._constant
        if attempt == self._attempt and item < self._width and self._draw_ahead(entity):
            return self._drawn[(entity - self._first) * self._width + item]
        alone: int = self._times(np.array([self._stream(entity, item, attempt)]))[0]
        return alone

    def _draw_ahead(self, entity: int) -> bool:
        """See to it that an entity's row is there; tell whether it is. Rows of old ones are not."""
        end = self._first + len(self._drawn) // self._width
        if entity - end >= AHEAD:
            self._drawn, self._first, end = [], entity, entity
        if entity >= end:
            following = np.arange(end, end + AHEAD)
            draws = self._stream.many(following[:, None], np.arange(self._width), self._attempt)
            self._drawn += self._times(draws.ravel())
            surplus = len(self._drawn) // self._width - KEPT
            if surplus > 0:
                del self._drawn[: surplus * self._width]
                self._first += surplus
        return entity >= self._first

    def _times(self, draws: Floats) -> Any:
        """Return the times [ns] that belong to uniform draws."""
        seconds = np.maximum(_sampled(self._distribution, draws), 0)
        return np.rint(seconds * NS).astype(np.int64).tolist()


def _sampled(distribution: Distribution, draws: Floats) -> Floats:
    """Return the values that belong to uniform draws; quickly for the distributions latencies have."""
    if isinstance(distribution, Uniform):
        return np.asarray(distribution.low + draws * (distribution.high - distribution.low))
    if isinstance(distribution, Lognormal) and distribution.max is None and distribution.min == 0:
        return np.asarray(distribution.median * np.exp(distribution.sigma * ndtri(draws)))
    return np.array([distribution.sample(draw) for draw in draws.ravel().tolist()]).reshape(draws.shape)
