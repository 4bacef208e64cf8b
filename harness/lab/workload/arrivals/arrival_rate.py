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

    def invert(self, mass: float) -> float:
        """Return the time at which the expected number of arrivals reaches *mass* [s into the piece]."""
        slope = (self.last - self.first) / self.length
        # The root of slope/2·t² + first·t = mass, in a form that allows slope = 0 and first = 0.
        root = math.sqrt(max(0.0, self.first**2 + 2 * slope * mass))
        twice = self.first + root  # 0 if *mass* is too small for a float to show a difference
        return min(self.length, 2 * mass / twice) if twice > 0 else 0.0


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

    def invert(self, mass: float) -> float:
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
        """
        Return the time at which the expected number of arrivals since time 0 reaches *mass*.

        Raises:
            ValueError: *mass* is negative or above `total`.
        """
        if not 0 <= mass <= self.total:
            raise ValueError(f"{mass} arrivals are never expected: there are {self.total} in all")
        index = min(bisect_right(self._masses, mass), len(self.pieces)) - 1
        return self._starts[index] + self.pieces[index].invert(mass - self._masses[index])

    def _cumulative(self, at: float) -> float:
        at = min(max(at, 0.0), self._starts[-1])
        index = min(bisect_right(self._starts, at), len(self.pieces)) - 1
        return self._masses[index] + self.pieces[index].mass(at - self._starts[index])
