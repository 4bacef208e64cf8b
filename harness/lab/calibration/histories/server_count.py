"""
How many attempts a resource works on at once, from when they came and when they ended.

If c servers take the attempts in the order of their arrival, an attempt begins when it comes, or when one of
the c servers is free, whichever is later. That gives every number of servers a likelihood: that of the
service times which follow from it. Times are seconds.

An attempt leaves when its service is complete, when it times out, or when it is stopped. One that leaves
while it waits is never served.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.lab.calibration.duration_family import Floats
from harness.lab.calibration.histories.duration_fit import likelihood_of_families

RESOLUTION = 0.0015
"""Times of a history are milliseconds: an attempt may seem to end so much before it began."""

MARGIN = 1.92
"""Difference of the logarithm of the likelihood inside a 95 % interval."""

CANDIDATES = 40
"""Numbers of servers that are tried first."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ServerCount:
    """
    The number of servers of a resource.

    Attributes:
        servers: The number; None if nothing shows that attempts wait for one another.
        interval: The numbers that the observations do not contradict; the upper one is None without a limit.
        most_at_once: Most attempts in the resource at one time.
        begun_at: When the service of each attempt began, shape (attempts,); infinite if it never did.
    """

    servers: int | None
    interval: tuple[int, int | None]
    most_at_once: int
    begun_at: Floats


def seen_servers(ready: Floats, begun: Floats, left: Floats) -> ServerCount:
    """
    Return the number of servers if the begin of each service is known.

    Args:
        begun: Infinite for an attempt that was not served.
        left: Not a number while an attempt is under way; all are of shape (attempts,).
    """
    most, present = most_at_once(begun, left), most_at_once(ready, left)
    served = np.isfinite(begun)
    services = (left - begun)[served & np.isfinite(left)]
    shortest = max(2 * RESOLUTION, 0.01 * float(np.median(services)) if services.size else 0.0)
    waited = np.where(served, begun, left) - ready > shortest
    if most == 0 or not waited.any():
        return ServerCount(None, (most, None), present, begun)
    return ServerCount(most, (most, most), present, begun)


def hidden_servers(ready: Floats, left: Floats, is_complete: Flags) -> ServerCount:
    """
    Return the most likely number of servers if only arrivals and ends are known.

    Args:
        ready: In ascending order, shape (attempts,).
        left: Not a number while an attempt is under way, shape (attempts,).
        is_complete: Whether an attempt left because its service was complete, shape (attempts,).
    """
    most = most_at_once(ready, left)
    if not is_complete.any():
        return ServerCount(None, (most, None), most, ready)
    likelihoods: dict[int, float] = {}
    best, low, high = most, 1, most
    untried = _first_candidates(most)
    while untried:
        likelihoods |= {count: _likelihood(ready, left, is_complete, count) for count in untried}
        best = max(likelihoods, key=lambda count: likelihoods[count])
        possible = [count for count, found in likelihoods.items() if found >= likelihoods[best] - MARGIN]
        low, high = min(possible), max(possible)
        untried = set().union(*(_gaps(likelihoods, count) for count in (low, best, high)))
    if high == most:
        return ServerCount(None, (low, None), most, ready)
    return ServerCount(best, (low, high), most, service_starts(ready, left, is_complete, best))


def service_starts(ready: Floats, left: Floats, is_complete: Flags, servers: int) -> Floats:
    """
    Return when each attempt began its service, first come, first served; infinite if it was not served.

    An attempt that is not complete and left before a server was free was not served. Arguments as for
    `hidden_servers`.
    """
    begun = ready.copy()
    free = [-np.inf] * servers
    ends = np.where(np.isfinite(left), left, np.inf).tolist()
    attempts = zip(ready.tolist(), ends, is_complete.tolist(), strict=True)
    for place, (at, end, complete) in enumerate(attempts):
        if free[0] > at:
            begun[place] = free[0]
            if not complete and free[0] >= end:
                begun[place] = np.inf
                continue
        heapq.heapreplace(free, end)
    return begun


def most_at_once(begun: Floats, left: Floats) -> int:
    """Return the most intervals that overlap; one that ends at the begin of another does not."""
    begins = begun[np.isfinite(begun)]
    ends = left[np.isfinite(begun) & np.isfinite(left)]
    times = np.concatenate([ends, begins])
    changes = np.concatenate([np.full(ends.size, -1), np.full(begins.size, 1)])
    order = np.lexsort((changes, times))
    return int(np.cumsum(changes[order]).max(initial=0))


def _likelihood(ready: Floats, left: Floats, is_complete: Flags, servers: int) -> float:
    """Return the logarithm of the likelihood of a number of servers; minus infinity if it is impossible."""
    times = (left - service_starts(ready, left, is_complete, servers))[is_complete]
    if times.min() <= -RESOLUTION:
        return -np.inf
    return likelihood_of_families(np.maximum(times, RESOLUTION / 3))


def _first_candidates(most: int) -> set[int]:
    return set(np.rint(np.geomspace(1, max(most, 1), CANDIDATES)).astype(int).tolist())


def _gaps(tried: Iterable[int], count: int) -> set[int]:
    """Return the numbers between *count*, which was tried, and the next ones below and above that were."""
    below = max((each for each in tried if each < count), default=count)
    above = min((each for each in tried if each > count), default=count)
    return set(range(below + 1, above)) - {count}
