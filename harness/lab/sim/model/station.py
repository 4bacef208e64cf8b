"""
A station: servers, and a queue before them. Times are nanoseconds.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush

from harness.lab.sim.model.engine import Engine
from harness.states_language.host_clock import Kind, order

_END_OF_WORK = order(Kind.END_OF_WORK)


class StationJob:
    """
    Something that is to be served.

    Attributes:
        key: What it is about (see `about`): orders what ends at the same instant.
        service_time: How long it takes [ns].
        begun: Called when service begins.
        done: Called when service has ended.
        wanted: Asked before service begins: whether it is still worth it.
    """

    __slots__ = ("begun", "done", "key", "service_time", "wanted")

    def __init__(
        self,
        key: int,
        service_time: int,
        begun: Callable[[], None],
        done: Callable[[], None],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self.key = key
        self.service_time = service_time
        self.begun = begun
        self.done = done
        self.wanted = wanted


class Station:
    """
    c servers, first come first served within a priority, at most K jobs.

    Args:
        servers: None for as many as there are jobs.
        capacity: Jobs waiting and in service; None without a limit.

    Attributes:
        busy: Servers at work.
        busy_time: Added up over all servers and completed services [ns].
        served: Services completed.
    """

    def __init__(self, engine: Engine, servers: int | None, capacity: int | None = None) -> None:
        self._engine = engine
        self._servers = servers
        self._capacity = capacity
        self._fifo: deque[StationJob] = deque()
        self._urgent: list[tuple[float, int, StationJob]] = []
        self._arrivals = 0
        self.busy = 0
        self.busy_time = 0
        self.served = 0

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return len(self._fifo) + len(self._urgent)

    def offer(self, job: StationJob, priority: float | None = None) -> bool:
        """Take a job in, or refuse it; tell which."""
        if self._capacity is not None and self.busy + self.waiting >= self._capacity:
            return False
        if self._servers is None or self.busy < self._servers:
            self._begin(job)
        elif priority is None:
            self._fifo.append(job)
        else:
            self._arrivals += 1
            heappush(self._urgent, (priority, self._arrivals, job))
        return True

    def _begin(self, job: StationJob) -> None:
        self.busy += 1
        self._engine.call_in(job.service_time, _END_OF_WORK | job.key, partial(self._end, job))
        job.begun()

    def _end(self, job: StationJob, _: object) -> None:
        self.busy -= 1
        self.busy_time += job.service_time
        self.served += 1
        # The next one begins before this one's owner can come back for more.
        while self._fifo or self._urgent:
            following = heappop(self._urgent)[2] if self._urgent else self._fifo.popleft()
            if following.wanted():
                self._begin(following)
                break
        job.done()
