"""
One server, first come first served, service times of any shape.

Times in seconds, rates per second.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import optimize
from scipy.linalg import expm

from harness.theory import percentile_of_tail


@dataclass(frozen=True)
class MG1:
    """
    M/G/1 by the first two moments of the service time.

    Attributes:
        cv: Coefficient of variation of the service time: standard deviation over mean.

    Source:
        Pollaczek-Khinchine; Gross et al., ch. 5.
    """

    arrival_rate: float
    mean_service_time: float
    cv: float

    def __post_init__(self) -> None:
        if self.utilisation >= 1:
            raise ValueError(f"utilisation is {self.utilisation:g}: the queue grows without end")

    @property
    def utilisation(self) -> float:
        return self.arrival_rate * self.mean_service_time

    @property
    def mean_wait(self) -> float:
        second_moment = self.mean_service_time**2 * (1 + self.cv**2)
        return self.arrival_rate * second_moment / (2 * (1 - self.utilisation))

    @property
    def mean_sojourn_time(self) -> float:
        return self.mean_wait + self.mean_service_time


@dataclass(frozen=True)
class MPH1:
    """
    M/PH/1: service is a phase-type time, begun in a random phase and moving through others.

    Attributes:
        initial: Probability to begin in each phase, shape (k,).
        generator: Rates between phases, with what leaves the service missing from the rows, shape (k, k).

    Source:
        The wait is itself phase-type; Neuts, Matrix-Geometric Solutions, ch. 3.
    """

    arrival_rate: float
    initial: tuple[float, ...]
    generator: tuple[tuple[float, ...], ...]

    @classmethod
    def erlang(cls, arrival_rate: float, stages: int, mean: float) -> "MPH1":
        """Service is the sum of *stages* equal exponential times."""
        rate = stages / mean
        rows = [
            [-rate if i == j else rate if j == i + 1 else 0.0 for j in range(stages)] for i in range(stages)
        ]
        return cls(arrival_rate, (1.0, *[0.0] * (stages - 1)), tuple(map(tuple, rows)))

    @classmethod
    def hyperexponential(cls, arrival_rate: float, shares: Sequence[float], means: Sequence[float]) -> "MPH1":
        """Service is exponential with one of several means, drawn with the given shares."""
        rows = np.diag([-1 / mean for mean in means])
        return cls(arrival_rate, tuple(shares), tuple(map(tuple, rows.tolist())))

    @property
    def mean_service_time(self) -> float:
        return float(-np.array(self.initial) @ np.linalg.solve(self._generator, np.ones(len(self.initial))))

    @property
    def utilisation(self) -> float:
        return self.arrival_rate * self.mean_service_time

    @property
    def mean_wait(self) -> float:
        start, rates = self._waiting
        return float(-start @ np.linalg.solve(rates, np.ones(start.size)))

    @property
    def mean_sojourn_time(self) -> float:
        return self.mean_wait + self.mean_service_time

    def wait_tail(self, at: float) -> float:
        start, rates = self._waiting
        return float((start @ expm(rates * at)).sum())

    def wait_percentile(self, percent: float) -> float:
        if self.utilisation <= 1 - percent / 100:
            return 0.0
        return percentile_of_tail(self.wait_tail, percent, scale=self.mean_sojourn_time)

    def sojourn_tail(self, at: float) -> float:
        """A wait, then a service: phases in a row."""
        start, rates = self._waiting
        size = start.size
        whole = np.zeros((2 * size, 2 * size))
        whole[:size, :size], whole[size:, size:] = rates, self._generator
        whole[:size, size:] = np.outer(-rates.sum(axis=1), self.initial)
        begin = np.concatenate([start, (1 - start.sum()) * np.array(self.initial)])
        return float((begin @ expm(whole * at)).sum())

    def sojourn_percentile(self, percent: float) -> float:
        return percentile_of_tail(self.sojourn_tail, percent, scale=self.mean_sojourn_time)

    @property
    def _generator(self) -> np.ndarray:
        return np.array(self.generator)

    @property
    def _waiting(self) -> tuple[np.ndarray, np.ndarray]:
        """The wait as a phase-type time: a geometric number of residual services."""
        generator = self._generator
        residual = -np.linalg.solve(generator.T, np.array(self.initial)) / self.mean_service_time
        return self.utilisation * residual, generator + self.utilisation * np.outer(
            -generator.sum(axis=1), residual
        )


def md1_wait_tail(arrival_rate: float, service_time: float, at: float) -> float:
    """
    Return P(wait > *at*) in M/D/1.

    The series alternates and cancels badly, so it is summed in exact fractions.
    Source: Erlang; Tijms, A First Course in Stochastic Models, 9.2.
    """
    rho = arrival_rate * service_time
    total = Fraction(0)
    for number in range(int(at / service_time) + 1):
        load = Fraction(arrival_rate) * (Fraction(number) * Fraction(service_time) - Fraction(at))
        total += _exponential(-load) * load**number / math.factorial(number)
    return float(1 - (1 - Fraction(rho)) * total)


def md1_wait_percentile(arrival_rate: float, service_time: float, percent: float) -> float:
    """Return a percentile of the wait in M/D/1 [s]."""
    return percentile_of_tail(
        lambda at: md1_wait_tail(arrival_rate, service_time, at), percent, scale=service_time / 2
    )


@dataclass(frozen=True)
class DM1:
    """
    D/M/1: constant interarrival time, exponential service.

    Source:
        GI/M/1: an arrival finds n with probability (1-σ)σⁿ, σ = A*(μ(1-σ)); Gross et al., 5.3.
    """

    arrival_rate: float
    service_rate: float

    @property
    def sigma(self) -> float:
        """Probability that an arrival must wait."""
        beat, mu = 1 / self.arrival_rate, self.service_rate
        return float(optimize.brentq(lambda s: math.exp(-mu * (1 - s) * beat) - s, 0.0, 1 - 1e-9, xtol=1e-15))

    @property
    def mean_wait(self) -> float:
        return self.sigma / (self.service_rate * (1 - self.sigma))

    @property
    def mean_sojourn_time(self) -> float:
        return 1 / (self.service_rate * (1 - self.sigma))

    def sojourn_percentile(self, percent: float) -> float:
        return -math.log(1 - percent / 100) * self.mean_sojourn_time


def priority_waits(arrival_rates: Sequence[float], service_rate: float) -> list[float]:
    """
    Return the mean wait of each class, the most urgent first, without pre-emption.

    Source:
        Cobham; Gross et al., 3.4: equal exponential service for all classes.
    """
    residual = sum(arrival_rates) / service_rate**2
    waits, before = [], 0.0
    for rate in arrival_rates:
        after = before + rate / service_rate
        waits.append(residual / ((1 - before) * (1 - after)))
        before = after
    return waits


def _exponential(exponent: Fraction) -> Fraction:
    """Return e**exponent as a fraction good to about sixty digits."""
    whole = int(exponent)
    return _taylor(Fraction(1)) ** whole * _taylor(exponent - whole)


def _taylor(exponent: Fraction) -> Fraction:
    term, total = Fraction(1), Fraction(1)
    for number in range(1, 50):
        term *= exponent / number
        total += term
    return total.limit_denominator(10**70)
