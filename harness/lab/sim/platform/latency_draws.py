"""
Random latencies of the platform, drawn for many entities at once.

A draw is the pure function of its key that `harness.lab.workload.draws` defines; drawing in blocks only makes
it faster. Times are nanoseconds.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.draws import Stream
from harness.states_language.host import NS, nanoseconds

BLOCK = 512
"""Entities of one block."""

KEPT = 8 * BLOCK
"""Entities kept; older ones are drawn individually: in an overload there are too many to keep."""

Floats = NDArray[np.float64]


class RandomSource(NamedTuple):
    """The source of all random numbers of one replication."""

    seed: int
    replication: int

    def stream(self, name: str) -> Stream:
        """Return the stream of uniform numbers with a name."""
        return Stream(self.seed, self.replication, name)

    def latencies(
        self, distribution: Distribution, name: str, width: int = 32, attempt: int = 1
    ) -> "LatencyDraws":
        """Return the latencies of the platform with a name; *width* and *attempt* as in `LatencyDraws`."""
        return LatencyDraws(distribution, self.stream(f"platform/{name}"), width, attempt)


class LatencyDraws:
    """
    Latencies of one purpose.

    Args:
        width: Items of an entity that are drawn in blocks; others are drawn individually.
        attempt: The attempt that is drawn in blocks; others are drawn individually.
    """

    def __init__(self, distribution: Distribution, stream: Stream, width: int = 32, attempt: int = 1) -> None:
        self._distribution = distribution
        self._stream = stream
        self._width = width
        self._attempt = attempt
        self._constant = nanoseconds(distribution.value) if isinstance(distribution, Constant) else None
        # One long list, row after row from the first entity on: this is the fastest to read.
        self._drawn: list[int] = []
        self._first = 0

    def __call__(self, entity: int, item: int = 0, attempt: int = 1) -> int:
        """Return the latency of one key, never negative."""
        if attempt == self._attempt and item < self._width:
            place = (entity - self._first) * self._width + item
            if 0 <= place < len(self._drawn):
                return self._drawn[place]
        return self._draw(entity, item, attempt)

    def row(self, entity: int, items: int = 0) -> list[int]:
        """Return the latencies of an entity's first items: of *items* at least."""
        if self._constant is not None:
            return [self._constant] * max(items, self._width)
        if items <= self._width and self._draw_block(entity):
            place = (entity - self._first) * self._width
            return self._drawn[place : place + self._width]
        draws = self._stream.many(np.array([entity]), np.arange(max(items, self._width)), self._attempt)
        return self._times(draws)

    def _draw(self, entity: int, item: int, attempt: int) -> int:
        if self._constant is not None:
            return self._constant
        if attempt == self._attempt and item < self._width and self._draw_block(entity):
            return self._drawn[(entity - self._first) * self._width + item]
        return self._times(np.array([self._stream(entity, item, attempt)]))[0]

    def _draw_block(self, entity: int) -> bool:
        """Draw the row of an entity unless it exists; return whether it exists now. Old rows do not."""
        end = self._first + len(self._drawn) // self._width
        if entity - end >= BLOCK:
            self._drawn, self._first, end = [], entity, entity
        if entity >= end:
            following = np.arange(end, end + BLOCK)
            draws = self._stream.many(following[:, None], np.arange(self._width), self._attempt)
            self._drawn += self._times(draws.ravel())
            surplus = len(self._drawn) // self._width - KEPT
            if surplus > 0:
                del self._drawn[: surplus * self._width]
                self._first += surplus
        return entity >= self._first

    def _times(self, draws: Floats) -> list[int]:
        """Return the latencies of uniform draws."""
        seconds = np.maximum(self._distribution.samples(draws), 0)
        return np.rint(seconds * NS).astype(np.int64).tolist()  # type: ignore[no-any-return]  # integers
