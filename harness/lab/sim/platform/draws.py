"""
Keyed draws of the platform's latencies, made for a block of entities at once.

A draw is the pure function of its key that `harness.lab.workload.draws` defines; a block is only a
quicker way to get at it. Times are nanoseconds.
"""

from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from harness.lab.sim.engine import NS, nanoseconds
from harness.lab.workload.distributions import Constant, Distribution, Lognormal, Uniform
from harness.lab.workload.draws import Stream

ENTITIES = 512
KEPT_BLOCKS = 8
"""Older entities than these blocks have are drawn alone: in an overload there are too many to keep."""

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
        self._rows: dict[int, list[int]] = {}
        self._next_block = 0

    def __call__(self, entity: int, item: int = 0, attempt: int = 1) -> int:
        """Return the time of one key [ns], never negative."""
        row = self._rows.get(entity)
        if row is not None and attempt == self._attempt and item < self._width:
            return row[item]
        return self._rarely(entity, item, attempt)

    def row(self, entity: int, items: int = 0) -> list[int]:
        """
        Return the times of an entity's first items [ns].

        Args:
            items: So many at least.
        """
        if self._constant is not None:
            return [self._constant] * max(items, self._width)
        if items > self._width:
            draws = self._stream.many(np.array([entity]), np.arange(items), self._attempt)
            wide: list[int] = self._times(draws)
            return wide
        if entity not in self._rows:
            self._draw_block(entity // ENTITIES)
        return self._rows[entity]

    def _rarely(self, entity: int, item: int, attempt: int) -> int:
        if self._constant is not None:
            return self._constant
        is_new = entity // ENTITIES >= self._next_block
        if is_new and attempt == self._attempt and item < self._width:
            return self.row(entity)[item]
        alone: int = self._times(np.array([self._stream(entity, item, attempt)]))[0]
        return alone

    def _draw_block(self, number: int) -> None:
        """Draw for a block of entities, and forget the oldest if there are too many."""
        entities = np.arange(number * ENTITIES, (number + 1) * ENTITIES)
        draws = self._stream.many(entities[:, None], np.arange(self._width), self._attempt)
        self._rows.update(zip(entities.tolist(), self._times(draws), strict=True))
        self._next_block = max(self._next_block, number + 1)
        if len(self._rows) > KEPT_BLOCKS * ENTITIES:
            for oldest in list(islice(self._rows, ENTITIES)):
                del self._rows[oldest]

    def _times(self, draws: Floats) -> Any:
        """Return the times [ns] of uniform draws of any shape, as lists of that shape."""
        seconds = np.maximum(_sampled(self._distribution, draws), 0)
        return np.rint(seconds * NS).astype(np.int64).tolist()


def _sampled(distribution: Distribution, draws: Floats) -> Floats:
    """Return the values that belong to uniform draws; quickly for the distributions latencies have."""
    if isinstance(distribution, Uniform):
        return np.asarray(distribution.low + draws * (distribution.high - distribution.low))
    if isinstance(distribution, Lognormal) and distribution.max is None and distribution.min == 0:
        return np.asarray(distribution.median * np.exp(distribution.sigma * ndtri(draws)))
    return np.array([distribution.sample(draw) for draw in draws.ravel().tolist()]).reshape(draws.shape)
