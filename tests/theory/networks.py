"""
Several stations: in a row, in parallel, or as a fork and join.

Times in seconds, rates per second.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import integrate
from scipy.linalg import expm

from harness.theory import MMc, erlang_c, percentile_of_tail
from tests.theory.single_server import MG1


@dataclass(frozen=True)
class Tandem:
    """
    M/M/1 stations in a row.

    Source:
        Burke: each sees Poisson arrivals, and the sojourn times of one job are independent.
    """

    arrival_rate: float
    service_rates: tuple[float, ...]

    @property
    def mean_sojourn_time(self) -> float:
        return sum(1 / (rate - self.arrival_rate) for rate in self.service_rates)

    def sojourn_tail(self, at: float) -> float:
        drains = [rate - self.arrival_rate for rate in self.service_rates]
        size = len(drains)
        rows = np.diag([-drain for drain in drains])
        for index in range(size - 1):
            rows[index, index + 1] = drains[index]
        return float(expm(rows * at)[0].sum())

    def sojourn_percentile(self, percent: float) -> float:
        return percentile_of_tail(self.sojourn_tail, percent, scale=self.mean_sojourn_time)


@dataclass(frozen=True)
class Jackson:
    """
    An open Jackson network of M/M/c stations.

    Attributes:
        external: Arrival rate from outside at each station, shape (k,).
        routing: Probability to go from one station to another, the rest leaves, shape (k, k).

    Raises:
        ValueError: A station is overloaded.
    """

    external: tuple[float, ...]
    routing: tuple[tuple[float, ...], ...]
    service_rates: tuple[float, ...]
    servers: tuple[int, ...]

    @property
    def arrival_rates(self) -> np.ndarray:
        """What each station sees in all: γ + λR = λ."""
        size = len(self.external)
        return np.linalg.solve(np.eye(size) - np.array(self.routing).T, np.array(self.external))

    @property
    def stations(self) -> list[MMc]:
        return [
            MMc(float(rate), mu, servers)
            for rate, mu, servers in zip(self.arrival_rates, self.service_rates, self.servers, strict=True)
        ]

    @property
    def mean_sojourn_time(self) -> float:
        """From entering the network to leaving it, by Little's law."""
        return sum(station.mean_number_in_system for station in self.stations) / sum(self.external)


def fork_join_mean(arrival_rate: float, service_rate: float, branches: int) -> float:
    """
    Return the mean time until the last of *branches* parallel M/M/1 queues has served its part.

    Exact for two branches; for more within about 5 %.
    Source: Flatto and Hahn 1984; Nelson and Tantawi 1988.
    """
    rho = arrival_rate / service_rate
    if rho >= 1:
        raise ValueError(f"utilisation is {rho:g}: the queues grow without end")
    alone = 1 / (service_rate - arrival_rate)
    if branches == 1:
        return alone
    pair = (12 - rho) / 8 * alone
    harmonic = harmonic_number(branches) / harmonic_number(2)
    return (harmonic + 4 / 11 * (1 - harmonic) * rho) * pair


def fork_join_bounds(arrival_rate: float, service_rate: float, branches: int) -> tuple[float, float]:
    """
    Return bounds on the mean time of a fork and join over M/M/1 queues.

    Below: one branch alone, or all of them without any queue. Above: branches independent of each other.
    Source: Nelson and Tantawi 1988, section II.
    """
    alone = 1 / (service_rate - arrival_rate)
    return max(alone, harmonic_number(branches) / service_rate), harmonic_number(branches) * alone


def harmonic_number(count: int) -> float:
    return sum(1 / number for number in range(1, count + 1))


def split_merge(arrival_rate: float, service_rate: float, branches: int) -> MG1:
    """Return split-merge as an M/G/1: a job begins when all parts of the previous one have ended."""
    mean = harmonic_number(branches) / service_rate
    variance = sum(1 / number**2 for number in range(1, branches + 1)) / service_rate**2
    return MG1(arrival_rate, mean, math.sqrt(variance) / mean)


@dataclass(frozen=True)
class Longest:
    """
    The longest of several independent times with one distribution.

    Attributes:
        cdf: P(one of them ≤ t).
        scale: A typical one [s].
    """

    count: int
    cdf: Callable[[float], float]
    scale: float

    @property
    def mean(self) -> float:
        return float(integrate.quad(self.tail, 0, math.inf, limit=500)[0])

    def tail(self, at: float) -> float:
        return 1 - self.cdf(at) ** self.count

    def percentile(self, percent: float) -> float:
        return percentile_of_tail(self.tail, percent, scale=self.scale)


@dataclass(frozen=True)
class BatchMMc:
    """
    M[x]/M/c: batches of exactly *size* jobs arrive in a Poisson stream; each job is served for itself.

    Source:
        Numerical solution of the birth process with jumps; Gross et al., 3.1.
    """

    batch_rate: float
    size: int
    service_rate: float
    servers: int
    _states: int = 20_000

    def _found(self) -> np.ndarray:
        """Number of jobs a batch finds, as probabilities."""
        p = np.zeros(self._states)
        p[0] = 1.0
        # Flow up over the cut n-1|n (from all states a batch can jump over it) equals the flow down.
        for number in range(1, self._states):
            up = p[max(0, number - self.size) : number].sum() * self.batch_rate
            p[number] = up / (min(number, self.servers) * self.service_rate)
            if number > self.servers and p[number] < 1e-18 * p[: number + 1].max():
                break
            if p[number] > 1e250:
                p /= p.max()
        return np.asarray(p / p.sum())

    def _ahead(self) -> np.ndarray:
        """Number of jobs ahead of a job, its own batch's included."""
        found = self._found()
        ahead = np.zeros(found.size + self.size)
        for place in range(self.size):
            ahead[place : place + found.size] += found / self.size
        return ahead

    @property
    def probability_of_waiting(self) -> float:
        return float(self._ahead()[self.servers :].sum())

    @property
    def mean_wait(self) -> float:
        ahead = self._ahead()
        departures = np.maximum(np.arange(ahead.size) - self.servers + 1, 0)
        return float(ahead @ departures) / (self.servers * self.service_rate)

    def wait_percentile(self, percent: float) -> float:
        from scipy.special import pdtr

        ahead = self._ahead()[self.servers :]
        ahead = ahead[: int(np.flatnonzero(ahead > 1e-18)[-1]) + 1]
        rate = self.servers * self.service_rate

        def tail(at: float) -> float:
            return float(ahead @ pdtr(np.arange(ahead.size), rate * at))

        if tail(0.0) <= 1 - percent / 100:
            return 0.0
        return percentile_of_tail(tail, percent, scale=1 / self.service_rate)


def least_servers(arrival_rate: float, service_rate: float, *, waiting_at_most: float) -> int:
    """Return the smallest c for which no more than *waiting_at_most* (0…1) of the jobs wait in M/M/c."""
    servers = math.floor(arrival_rate / service_rate) + 1
    while erlang_c(arrival_rate / service_rate, servers) > waiting_at_most:
        servers += 1
    return servers


def sum_percentile(
    tails: Sequence[Callable[[np.ndarray], np.ndarray]], percent: float, *, horizon: float
) -> float:
    """
    Return a percentile of the sum of independent times, given their tails P(X > t) on arrays.

    Args:
        horizon: No sum is longer [s]. The grid has 2¹⁶ cells; the error is about one of them.
    """
    cells = 1 << 16
    edges = np.linspace(0, horizon, cells + 1)
    spectrum = np.ones(cells + 1, dtype=complex)
    for tail in tails:
        mass = -np.diff(tail(edges))
        spectrum *= np.fft.rfft(mass, 2 * cells)
    total = np.cumsum(np.fft.irfft(spectrum, 2 * cells))
    # Each time was rounded down to its cell: on average half a cell is missing for each.
    index = int(np.searchsorted(total, percent / 100))
    return float((index + len(tails) / 2) * horizon / cells)
