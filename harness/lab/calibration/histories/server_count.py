"""
How many attempts a resource works on at once, from when they came and when they ended.

If c servers take the attempts in the order of their arrival, attempt i begins when it comes, or when the
(i - c)-th attempt has ended, whichever is later. That gives every number of servers a likelihood: that of
the service times which follow from it. Times are seconds.
"""

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
"""Numbers of servers that are tried."""


@dataclass(frozen=True, slots=True)
class ServerCount:
    """
    The number of servers of a resource.

    Attributes:
        servers: The number; None if nothing shows that attempts wait for one another.
        interval: The numbers that the observations do not contradict; the upper one is None without a limit.
        most_at_once: Most attempts in the resource at one time.
        begun_at: When the service of each attempt began, shape (attempts,).
    """

    servers: int | None
    interval: tuple[int, int | None]
    most_at_once: int
    begun_at: Floats


def seen_servers(ready: Floats, begun: Floats, ended: Floats) -> ServerCount:
    """
    Return the number of servers if the begin of each service is known.

    Args:
        ended: Not a number while an attempt is under way; all are of shape (attempts,).
    """
    most = most_at_once(begun, ended)
    waited = begun - ready > max(2 * RESOLUTION, 0.01 * float(np.nanmedian(ended - begun)))
    if not waited.any():
        return ServerCount(None, (most, None), most_at_once(ready, ended), begun)
    return ServerCount(most, (most, most), most_at_once(ready, ended), begun)


def hidden_servers(ready: Floats, ended: Floats) -> ServerCount:
    """
    Return the most likely number of servers if only arrivals and ends are known.

    Args:
        ready: In ascending order, shape (attempts,).
        ended: Not a number for an attempt that was not seen to end.
    """
    most = most_at_once(ready, ended)
    likelihoods = {}
    for count in _candidates(most):
        times = ended - service_starts(ready, ended, count)
        times = times[np.isfinite(times)]
        if times.size and times.min() > -RESOLUTION:
            likelihoods[count] = likelihood_of_families(np.maximum(times, RESOLUTION / 3))
    best = max(likelihoods, key=lambda count: likelihoods[count])
    possible = [count for count, found in likelihoods.items() if found >= likelihoods[best] - MARGIN]
    if most in possible:
        return ServerCount(None, (min(possible), None), most, ready)
    begun = service_starts(ready, ended, best)
    return ServerCount(best, (min(possible), max(possible)), most, begun)


def service_starts(ready: Floats, ended: Floats, servers: int) -> Floats:
    """Return when each attempt began its service, first come, first served; *ready* is ascending."""
    begun = ready.copy()
    if servers < ready.size:
        ends = np.sort(np.where(np.isfinite(ended), ended, np.inf))
        begun[servers:] = np.maximum(ready[servers:], ends[: ready.size - servers])
    return np.where(np.isfinite(begun), begun, ready)


def most_at_once(begun: Floats, ended: Floats) -> int:
    """Return the most intervals that overlap; one that ends at the begin of another does not."""
    ends = np.where(np.isfinite(ended), ended, np.inf)
    times = np.concatenate([ends[np.isfinite(ends)], begun[np.isfinite(begun)]])
    changes = np.concatenate(
        [np.full(int(np.isfinite(ends).sum()), -1), np.full(int(np.isfinite(begun).sum()), 1)]
    )
    order = np.lexsort((changes, times))
    return int(np.cumsum(changes[order]).max(initial=0))


def _candidates(most: int) -> NDArray[np.int64]:
    return np.unique(np.rint(np.geomspace(1, max(most, 1), CANDIDATES)).astype(np.int64))
