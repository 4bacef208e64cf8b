"""
Arrival rates over time and their exact integrals. Times in seconds, rates per second.

A rate is a sequence of pieces. Each piece computes its mass (the expected number of arrivals) and the inverse
of the mass: a Poisson process of unit rate, mapped through the inverse of the cumulative rate, is a Poisson
process of that rate.

Source:
    Çinlar, Introduction to Stochastic Processes, 1975 (inversion of the cumulative rate).
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearPiece:
    """A rate that changes linearly from *first* to *last*."""

    length: float
    first: float
    last: float

    def rate(self, at: float) -> float:
        """Return the arrival rate *at* seconds into the piece [1/s]."""
        return self.first + (self.last - self.first) * at / self.length

    def mass(self, until: float) -> float:
        """Return the expected number of arrivals in the first *until* seconds."""
        return until * (self.first + self.rate(until)) / 2

    def invert(self, masses: Floats) -> Floats:
        """Return the times at which the expected number of arrivals reaches *masses* [s into the piece]."""
        slope = (self.last - self.first) / self.length
        # The root of slope/2·t² + first·t = mass, in a form that allows slope = 0 and first = 0.
        roots = np.sqrt(np.maximum(0.0, self.first**2 + 2 * slope * masses))
        twice = self.first + roots  # 0 if a mass is too small for a float to show a difference
        times = np.divide(2 * masses, twice, out=np.zeros(np.shape(masses)), where=twice > 0)
        return np.minimum(self.length, times)


@dataclass(frozen=True, slots=True)
class SinePiece:
    """A sine around *mean* that starts upwards; *amplitude* is at most *mean*."""

    length: float
    mean: float
    amplitude: float
    period: float

    def rate(self, at: float) -> float:
        return self.mean + self.amplitude * math.sin(2 * math.pi * at / self.period)

    def mass(self, until: float) -> float:
        swing = self.amplitude * self.period / (2 * math.pi)
        # 1 − cos x as 2 sin²(x/2): no cancellation near the start of a period.
        return self.mean * until + 2 * swing * math.sin(math.pi * until / self.period) ** 2

    def invert(self, masses: Floats) -> Floats:
        # One by one: NumPy's sine may differ from Python's in the last bit.
        return np.array([self._invert(mass) for mass in masses.tolist()])

    def _invert(self, mass: float) -> float:
        low, high = 0.0, self.length
        while True:
            middle = (low + high) / 2
            if middle in (low, high):
                return middle
            if self.mass(middle) < mass:
                low = middle
            else:
                high = middle


RatePiece = LinearPiece | SinePiece
"""An interval of time in which the rate has a closed form."""


class ArrivalRate:
    """The arrival rate of a whole run: consecutive pieces from time 0."""

    def __init__(self, pieces: Sequence[RatePiece]) -> None:
        self.pieces = tuple(pieces)
        self._starts = [0.0, *accumulate(piece.length for piece in pieces)]
        self._masses = [0.0, *accumulate(piece.mass(piece.length) for piece in pieces)]

    @property
    def total(self) -> float:
        """The expected number of all arrivals."""
        return self._masses[-1]

    def expected(self, since: float, until: float) -> float:
        """Return the expected number of arrivals in an interval."""
        return self._cumulative(until) - self._cumulative(since)

    def invert(self, mass: float) -> float:
        """Return the time at which the expected number of arrivals reaches *mass*; see `invert_all`."""
        return float(self.invert_all(np.array([mass]))[0])

    def invert_all(self, masses: Floats) -> Floats:
        """
        Return the times at which the expected number of arrivals since time 0 reaches *masses*.

        Args:
            masses: In order, shape (arrivals,).

        Raises:
            ValueError: A mass is negative or above `total`.
        """
        for mass in (masses.min(initial=0.0), masses.max(initial=0.0)):
            if not 0 <= mass <= self.total:
                raise ValueError(f"{mass} arrivals are never expected: there are {self.total} in all")
        ends = np.searchsorted(masses, self._masses[1:-1])
        parts = np.split(masses, ends)
        return np.concatenate(
            [
                start + piece.invert(part - before)
                for start, piece, part, before in zip(
                    self._starts, self.pieces, parts, self._masses, strict=False
                )
            ]
        )

    def _cumulative(self, at: float) -> float:
        at = min(max(at, 0.0), self._starts[-1])
        index = min(bisect_right(self._starts, at), len(self.pieces)) - 1
        return self._masses[index] + self.pieces[index].mass(at - self._starts[index])
