"""
Formulas of queueing theory, as exact references for measured and simulated values.

λ is the arrival rate and μ the service rate of one server [1/s], c the number of servers and λ/μ the offered
load [erlang]; times are seconds.

>>> queue = MMc(arrival_rate=6.4, service_rate=1.0, servers=8)
>>> round(queue.mean_wait, 6), round(queue.sojourn_percentile(95), 6)
(0.286028, 3.508443)

Source: Gross et al., Fundamentals of Queueing Theory, 4th ed., ch. 2, unless another one is given.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from scipy import optimize


@dataclass(frozen=True)
class MMc:
    """M/M/c: unlimited queue, first come, first served; without a steady state (λ ≥ cμ) a ValueError."""

    arrival_rate: float
    service_rate: float
    servers: int = 1

    def __post_init__(self) -> None:
        must_be_positive(arrival_rate=self.arrival_rate, service_rate=self.service_rate, servers=self.servers)
        if self.utilisation >= 1:
            raise ValueError(f"utilisation is {self.utilisation:g}: the queue grows without end")

    @property
    def offered_load(self) -> float:
        """λ/μ [erlang]."""
        return self.arrival_rate / self.service_rate

    @property
    def utilisation(self) -> float:
        """ρ = λ/(cμ)."""
        return self.offered_load / self.servers

    @cached_property
    def probability_of_waiting(self) -> float:
        """Probability that an arriving job must wait (Erlang C)."""
        return erlang_c(self.offered_load, self.servers)

    def probability_of(self, number: int) -> float:
        """Return the probability of *number* jobs in the system."""
        blocked = erlang_b(self.offered_load, self.servers)
        # P(c) of M/M/c from that of M/M/c/c: the truncated part has the same shape.
        share = 1 / (1 + blocked * self.utilisation / (1 - self.utilisation))
        if number >= self.servers:
            return share * blocked * self.utilisation ** (number - self.servers)
        # P(n)/P(c) = (aⁿ/n!) / (aᶜ/c!), without overflow.
        logarithm = (number - self.servers) * math.log(self.offered_load)
        logarithm = logarithm - math.lgamma(number + 1) + math.lgamma(self.servers + 1)
        return share * blocked * math.exp(logarithm)

    @property
    def _drain(self) -> float:
        return self.servers * self.service_rate - self.arrival_rate

    @property
    def mean_wait(self) -> float:
        """Mean time in the queue [s]."""
        return self.probability_of_waiting / self._drain

    @property
    def mean_sojourn_time(self) -> float:
        """Mean time in the system, W [s]."""
        return self.mean_wait + 1 / self.service_rate

    @property
    def mean_queue_length(self) -> float:
        """Mean number of waiting jobs, Lq."""
        return self.arrival_rate * self.mean_wait

    @property
    def mean_number_in_system(self) -> float:
        """Mean number of jobs in the system, L."""
        return self.arrival_rate * self.mean_sojourn_time

    def wait_percentile(self, percent: float) -> float:
        """Return a percentile of the wait [s]; 0 if that share of the jobs does not wait."""
        tail = 1 - percent / 100
        return max(0.0, math.log(self.probability_of_waiting / tail) / self._drain)

    def sojourn_tail(self, at: float) -> float:
        """Return P(sojourn time > *at*)."""
        mu, drain, waiting = self.service_rate, self._drain, self.probability_of_waiting
        if math.isclose(drain, mu):
            return math.exp(-mu * at) * (1 + waiting * mu * at)
        return math.exp(-mu * at) + waiting * mu / (mu - drain) * (math.exp(-drain * at) - math.exp(-mu * at))

    def sojourn_percentile(self, percent: float) -> float:
        """Return a percentile of the sojourn time [s]."""
        return percentile_of_tail(self.sojourn_tail, percent, scale=self.mean_sojourn_time)


@dataclass(frozen=True)
class Redelivery:
    """
    A queue with a redrive policy and a dead-letter queue.

    Each receive succeeds with the probability *success*. Otherwise the message is received again after the
    visibility time-out [s]; after *max_receives* receives it goes to the dead-letter queue.
    """

    success: float
    visibility_timeout: float
    max_receives: int

    @property
    def probability_of_dlq(self) -> float:
        """Probability that a message goes to the dead-letter queue."""
        return (1 - self.success) ** self.max_receives

    @property
    def mean_receives(self) -> float:
        """Mean number of receives of a message."""
        return (1 - self.probability_of_dlq) / self.success

    @property
    def mean_delay(self) -> float:
        """Mean time spent on redelivery of the messages that succeed in the end [s]."""
        failures = [(1 - self.success) ** count * self.success for count in range(self.max_receives)]
        total = sum(failures)
        return self.visibility_timeout * sum(count * share for count, share in enumerate(failures)) / total


def erlang_b(offered_load: float, servers: int) -> float:
    """Return the probability that a job is lost in M/G/c/c (Erlang B), whatever G is."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered_load * blocked / (count + offered_load * blocked)
    return blocked


def erlang_c(offered_load: float, servers: int) -> float:
    """Return the probability that a job must wait in M/M/c (Erlang C), or raise ValueError for ρ ≥ 1."""
    if offered_load >= servers:
        raise ValueError(f"{offered_load:g} erlang on {servers} servers: the queue grows without end")
    blocked = erlang_b(offered_load, servers)
    return blocked / (1 - offered_load / servers * (1 - blocked))


def percentile_of_tail(tail: Callable[[float], float], percent: float, *, scale: float) -> float:
    """
    Return the x at which a continuous tail probability P(X > x) falls to 1 - *percent*/100.

    The search starts at *scale*, a typical value of X.
    """
    wanted, high = 1 - percent / 100, scale
    while tail(high) > wanted:
        high *= 2
    return float(optimize.brentq(lambda x: tail(x) - wanted, 0.0, high, xtol=1e-12, rtol=1e-14))


def must_be_positive(**numbers: float) -> None:
    """Raise ValueError for a parameter that is not positive."""
    for name, number in numbers.items():
        if not number > 0:
            raise ValueError(f"{name} must be positive, not {number}")
