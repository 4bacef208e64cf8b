"""
Keyed draws: random numbers that depend on their key, and not on the order in which they are drawn.

A draw is a pure function of (seed, replication, stream, entity, item, attempt). It does not depend on the
order of events or on the number of workers. The live load and the simulator therefore draw the same
numbers, and two systems under one seed are compared with common random numbers.

The algorithm: the state starts at the seed. Each word w of the key replaces the state by the (w + 1)-th
output of SplitMix64 seeded with that state. The draw is the upper 52 bits of the last state, plus a half,
divided by 2^52; it is therefore never 0 or 1. Only wrapping 64-bit integer arithmetic is used, so that every
language gives the same bits.

Source:
    Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (SplitMix64).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

GAMMA = 0x9E3779B97F4A7C15
MULTIPLIER_1 = 0xBF58476D1CE4E5B9
MULTIPLIER_2 = 0x94D049BB133111EB
MASK = (1 << 64) - 1

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stream:
    """
    The random numbers for the purpose *name*, e.g. the service times of one state.

    Call it with the rest of the key to get a draw in (0, 1).
    """

    seed: int
    replication: int
    name: str
    state: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        state = absorb(absorb(self.seed & MASK, self.replication), stream_id(self.name))
        object.__setattr__(self, "state", state)

    def __call__(self, entity: int, item: int = 0, attempt: int = 0) -> float:
        """Return the draw of one key, in (0, 1)."""
        # Three calls of `absorb` and one of `unit`, inlined: simulations spend much of their time here.
        state = self.state
        for word in (entity, item, attempt):
            mixed = (state + (word + 1) * GAMMA) & MASK
            mixed = ((mixed ^ (mixed >> 30)) * MULTIPLIER_1) & MASK
            mixed = ((mixed ^ (mixed >> 27)) * MULTIPLIER_2) & MASK
            state = mixed ^ (mixed >> 31)
        return ((state >> 12) + 0.5) * 2.0**-52

    def many(self, entities: Integers, items: Integers | int = 0, attempts: Integers | int = 0) -> Floats:
        """
        Return the draws of many keys at once, with the same bits as one call for each.

        The words broadcast against each other. They cost least if each has an axis of its own.
        """
        state = np.array([self.state], dtype=np.uint64)
        for words in (entities, items, attempts):
            state = _absorb_many(state, np.atleast_1d(words).astype(np.uint64))
        return ((state >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def absorb(state: int, word: int) -> int:
    """Return the state after one more word of the key: the (word + 1)-th output of SplitMix64."""
    mixed = (state + (word + 1) * GAMMA) & MASK
    mixed = ((mixed ^ (mixed >> 30)) * MULTIPLIER_1) & MASK
    mixed = ((mixed ^ (mixed >> 27)) * MULTIPLIER_2) & MASK
    return mixed ^ (mixed >> 31)


def unit(state: int) -> float:
    """Return a 64-bit state as a float in (0, 1)."""
    # 52 bits and a half are exact in a double; 53 and a half would round up to 1.
    return ((state >> 12) + 0.5) * 2.0**-52


@lru_cache(maxsize=1024)
def stream_id(name: str) -> int:
    """Return the 64-bit word of a stream's name; it is the same in every process."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big")


def _absorb_many(state: NDArray[np.uint64], words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    # Arrays wrap without a warning, as intended here; a state of shape (1,) keeps the values arrays.
    mixed: NDArray[np.uint64] = state + (words + np.uint64(1)) * np.uint64(GAMMA)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(MULTIPLIER_1)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(MULTIPLIER_2)
    return mixed ^ (mixed >> np.uint64(31))
