"""
The shared models, and their numbers drawn in advance. Times are multiples of a second.

M/M/8 at ρ 0.8: mean service time 1 s.

Fork-join: a batch goes through the stations *upload* and *validate*, forks into photos and videos, joins, and
goes through *zip* and *finalise*. With probability 0.02 it goes back to *validate*, once. Photos number at
least one and are Poisson with mean 12, videos are 0, 1 or 2; or always 12 and 1. One batch a second arrives.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

SERVERS, UTILISATION = 8, 0.8
QUEUE_SOJOURN = 1.286028
"""Mean sojourn time of M/M/8 at ρ 0.8, by Erlang's formula."""

STATIONS = ("upload", "validate", "photo", "video", "zip", "finalise")
CAPACITIES = (10, 4, 100, 10, 8, 3)
UPLOAD, VALIDATE, PHOTO, VIDEO, ZIP, FINALISE = range(6)
MEANS = (6.0, 2.0, 6.0, 8.0, 5.0, 2.0)
VARIATIONS: tuple[float | None, ...] = (0.8, None, 0.7, 1.0, 0.6, None)
"""Coefficients of variation of the lognormal service times; None is exponential."""

PHOTOS, VIDEOS, RETRIES = 12, 1, 0.02
PASSES = 2


@dataclass(frozen=True, slots=True)
class Queue:
    """Arrival and service times of M/M/8, shape (customers,)."""

    arrivals: Floats
    services: Floats


@dataclass(frozen=True, slots=True)
class ForkJoin:
    """
    The numbers of the fork-join model.

    Attributes:
        times: Service times of each station by batch or item and pass, shape (batches or items, 2); those of
            photos and videos are in the order of the batches.
        first: Place of the first photo and video of each batch, and one more, shape (2, batches + 1).
        goes_back: Whether the batch is processed a second time.
    """

    arrivals: Floats
    times: tuple[Floats, ...]
    first: Integers
    goes_back: NDArray[np.bool_]

    @property
    def events(self) -> int:
        """Arrivals and ends of service [count]."""
        items = (self.first[:, 1:] - self.first[:, :-1]).sum(axis=0)
        return int(2 * len(self.arrivals) + ((1 + self.goes_back) * (3 + items)).sum())


def queue(customers: int, seed: int) -> Queue:
    draws = np.random.default_rng([seed, 8])
    gaps = draws.exponential(1 / (UTILISATION * SERVERS), customers)
    return Queue(np.cumsum(gaps), draws.exponential(1.0, customers))


def fork_join(batches: int, seed: int, *, fixed: bool = False) -> ForkJoin:
    """Draw the numbers; *fixed* is with always 12 photos and one video."""
    draws = np.random.default_rng([seed, 6])
    arrivals = np.cumsum(draws.exponential(1.0, batches))
    photos = np.maximum(1, draws.poisson(PHOTOS, batches))
    videos = draws.integers(0, 2 * VIDEOS + 1, batches)
    if fixed:
        photos, videos = np.full(batches, PHOTOS), np.full(batches, VIDEOS)
    counts = {PHOTO: int(photos.sum()), VIDEO: int(videos.sum())}
    times = tuple(
        _services(draws, station, (counts.get(station, batches), PASSES)) for station in range(len(STATIONS))
    )
    first = np.zeros((2, batches + 1), np.int64)
    first[0, 1:], first[1, 1:] = np.cumsum(photos), np.cumsum(videos)
    return ForkJoin(arrivals, times, first, draws.random(batches) < RETRIES)


def lognormal(mean: float, variation: float) -> tuple[float, float]:
    """Return μ and σ of the logarithm for a mean and a coefficient of variation."""
    variance = np.log1p(variation**2)
    return float(np.log(mean) - variance / 2), float(np.sqrt(variance))


def _services(draws: np.random.Generator, station: int, shape: tuple[int, int]) -> Floats:
    variation = VARIATIONS[station]
    if variation is None:
        return draws.exponential(MEANS[station], shape)
    return draws.lognormal(*lognormal(MEANS[station], variation), shape)
