"""A station: servers with a queue. Times are nanoseconds."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.engine import Engine

_END_OF_WORK = order(Kind.END_OF_WORK)


@dataclass(slots=True, eq=False)
class StationJob:
    """
    One job for a station.

    Attributes:
        key: Identifies the job (see `entity_key`): orders jobs that end at the same instant.
        begun: Called when service begins.
        done: Called when service has ended.
        wanted: Called before service begins; a job that is not wanted any more is skipped.
    """

    key: int
    service_time: int
    begun: Callable[[], None]
    done: Callable[[], None]
    wanted: Callable[[], bool] = lambda: True


class Station:
    """
    Servers with a queue: first come, first served within a priority.

    Args:
        servers: Number of servers; None for infinitely many.
        capacity: Most jobs waiting and in service; None without a limit.
    """

    def __init__(self, engine: Engine, servers: int | None, capacity: int | None = None) -> None:
        self._engine = engine
        self._servers = servers
        self._capacity = capacity
        self._fifo: deque[StationJob] = deque()
        self._prioritised: list[tuple[float, int, StationJob]] = []
        self._arrivals = 0
        self.busy = self.busy_time = self.served = 0

    @property
    def waiting(self) -> int:
        """Number of jobs in the queue."""
        return len(self._fifo) + len(self._prioritised)

    def offer(self, job: StationJob, priority: float | None = None) -> bool:
        """Accept a job unless the station is full; return whether it was accepted."""
        if self._capacity is not None and self.busy + self.waiting >= self._capacity:
            return False
        if self._servers is None or self.busy < self._servers:
            self._begin(job)
        elif priority is None:
            self._fifo.append(job)
        else:
            self._arrivals += 1
            heappush(self._prioritised, (priority, self._arrivals, job))
        return True

    def _begin(self, job: StationJob) -> None:
        self.busy += 1
        self._engine.call_in(job.service_time, _END_OF_WORK | job.key, partial(self._end, job))
        job.begun()

    def _end(self, job: StationJob) -> None:
        self.busy -= 1
        self.busy_time += job.service_time
        self.served += 1
        # The next job begins before the owner of this one can offer another.
        while self._fifo or self._prioritised:
            following = heappop(self._prioritised)[2] if self._prioritised else self._fifo.popleft()
            if following.wanted():
                self._begin(following)
                break
        job.done()
