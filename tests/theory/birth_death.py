"""
Stations with exponential interarrival and service times: birth-death processes, solved exactly.

λ is the arrival rate and μ the service rate of one server [1/s]; times in seconds.
Source: Gross et al., Fundamentals of Queueing Theory, 4th ed., ch. 2, unless another one is given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from harness.theory import must_be_positive, percentile_of_tail


@dataclass(frozen=True)
class BirthDeath:
    """
    Any birth-death process with finitely many states.

    Attributes:
        births: Rate from n to n+1, for n = 0 … N-1 [1/s].
        deaths: Rate from n to n-1, for n = 1 … N [1/s].
    """

    births: Sequence[float]
    deaths: Sequence[float]

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Steady-state probabilities of 0 … N, shape (N+1,)."""
        with np.errstate(divide="ignore"):
            steps = np.log(np.asarray(self.births, float)) - np.log(np.asarray(self.deaths, float))
        weights = np.concatenate([[0.0], np.cumsum(steps)])
        weights = np.exp(weights - weights.max())
        return np.asarray(weights / weights.sum())

    @property
    def mean(self) -> float:
        return float(self.probabilities @ np.arange(self.probabilities.size))


@dataclass(frozen=True)
class MMcK:
    """
    M/M/c/K: at most K jobs in the system, others are lost.
    """

    arrival_rate: float
    service_rate: float
    servers: int
    capacity: int

    def __post_init__(self) -> None:
        must_be_positive(arrival_rate=self.arrival_rate, service_rate=self.service_rate, servers=self.servers)
        if self.capacity < self.servers:
            raise ValueError(f"capacity {self.capacity} is below {self.servers} servers")

    @cached_property
    def _states(self) -> np.ndarray:
        deaths = [min(n, self.servers) * self.service_rate for n in range(1, self.capacity + 1)]
        return BirthDeath([self.arrival_rate] * self.capacity, deaths).probabilities

    @property
    def probability_of_loss(self) -> float:
        return float(self._states[-1])

    @cached_property
    def _accepted(self) -> np.ndarray:
        """Number an accepted job finds, as probabilities of 0 … K-1."""
        return self._states[:-1] / (1 - self.probability_of_loss)

    @property
    def probability_of_waiting(self) -> float:
        """Of an accepted job."""
        return float(self._accepted[self.servers :].sum())

    @property
    def mean_wait(self) -> float:
        """Of an accepted job [s]."""
        ahead = np.arange(self.capacity) - self.servers + 1
        return float(self._accepted @ np.maximum(ahead, 0)) / (self.servers * self.service_rate)

    def wait_tail(self, at: float) -> float:
        """Return P(wait > *at*) of an accepted job."""
        rate = self.servers * self.service_rate * at
        # Finding n ≥ c others, a job waits for n-c+1 departures: fewer in time `at` means it still waits.
        fewer = special.pdtr(np.arange(self.capacity), rate)
        return float(
            sum(self._accepted[n] * fewer[n - self.servers] for n in range(self.servers, self.capacity))
        )

    def wait_percentile(self, percent: float) -> float:
        if self.probability_of_waiting <= 1 - percent / 100:
            return 0.0
        return percentile_of_tail(self.wait_tail, percent, scale=1 / self.service_rate)


@dataclass(frozen=True)
class MachineRepair:
    """
    *machines* that fail at *failure_rate* each while they run; each of the *repairers* repairs one at a time.
    """

    machines: int
    repairers: int
    failure_rate: float
    repair_rate: float

    @cached_property
    def _down(self) -> np.ndarray:
        births = [(self.machines - n) * self.failure_rate for n in range(self.machines)]
        deaths = [min(n, self.repairers) * self.repair_rate for n in range(1, self.machines + 1)]
        return BirthDeath(births, deaths).probabilities

    @property
    def mean_down(self) -> float:
        return float(self._down @ np.arange(self.machines + 1))

    @property
    def throughput(self) -> float:
        """Failures (and repairs) per second."""
        return self.failure_rate * (self.machines - self.mean_down)

    @property
    def mean_wait(self) -> float:
        """For a repairer [s]."""
        return self.mean_down / self.throughput - 1 / self.repair_rate

    @property
    def probability_of_waiting(self) -> float:
        """That a machine that fails finds every repairer busy."""
        running = self.machines - np.arange(self.machines + 1)
        seen = self._down * running / (self._down @ running)
        return float(seen[self.repairers :].sum())


def infinite_servers_exceed(arrival_rate: float, mean_service_time: float, number: int) -> float:
    """Return P(at least *number* in service) in M/G/∞: Poisson with mean λE[S]."""
    return float(special.pdtrc(number - 1, arrival_rate * mean_service_time))


def mean_wait_of_first(arrival_rate: float, service_rate: float, jobs: int) -> float:
    """
    Return the mean wait of the first *jobs* jobs of an M/M/1 that starts empty [s].

    Follows the number found by each arrival, job by job; exact up to rounding.
    Source: Law, Simulation Modeling and Analysis, example 9.14 (for λ = 1, μ = 10/9, 25 jobs: 2.12).
    """
    arrives_first = arrival_rate / (arrival_rate + service_rate)
    found, total = np.zeros(jobs + 1), 0.0
    found[0] = 1.0
    for _ in range(jobs):
        total += float(found @ np.arange(jobs + 1)) / service_rate
        found = _next_found(found, arrives_first)
    return total / jobs


def _next_found(found: np.ndarray, arrives_first: float) -> np.ndarray:
    """Return what the next arrival finds, given what this one found: departures race the next arrival."""
    following = np.zeros_like(found)
    departs_first = 1 - arrives_first
    for number in range(found.size - 1):
        present = number + 1
        for departures in range(present):
            following[present - departures] += found[number] * departs_first**departures * arrives_first
        following[0] += found[number] * departs_first**present
    return following
