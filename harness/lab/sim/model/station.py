"""A station: servers with a queue. Times are nanoseconds."""

import sys
from collections.abc import Callable, Generator

import simpy
from simpy.events import Event
from simpy.resources.resource import PriorityRequest

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.ordered_environment import OrderedEnvironment

UNLIMITED = sys.maxsize
"""A number that is never reached."""

_END_OF_WORK = order(Kind.END_OF_WORK)


class Station:
    """
    Servers with a queue: first come, first served within a priority.

    A process requests a server and lets it `serve`; see `docs/how_to/station.md` for a station of your own.

    Args:
        servers: Number of servers; None for infinitely many.
        capacity: Most jobs waiting and in service; None without a limit.

    Attributes:
        busy_time: Sum of the service times of all jobs that have ended.
        served: Number of jobs that have ended.
    """

    def __init__(self, env: OrderedEnvironment, servers: int | None, capacity: int | None = None) -> None:
        self._env = env
        self._servers = simpy.PriorityResource(env, UNLIMITED if servers is None else servers)
        self._capacity = UNLIMITED if capacity is None else capacity
        self.busy_time = self.served = 0

    @property
    def busy(self) -> int:
        """Number of busy servers."""
        return self._servers.count

    @property
    def waiting(self) -> int:
        """Number of jobs in the queue."""
        return len(self._servers.queue)

    def request(self, priority: float = 0) -> PriorityRequest | None:
        """Request a server, the smallest priority first; None if the station is full."""
        if self.busy + self.waiting >= self._capacity:
            return None
        return self._servers.request(priority)  # type: ignore[arg-type]  # any number is a priority

    def serve(
        self,
        server: PriorityRequest,
        service_time: int,
        key: int,
        begun: Callable[[], None],
        wanted: Callable[[], bool] = lambda: True,
        work: Callable[[int, int], Event] | None = None,
    ) -> Generator[Event, None, bool]:
        """
        Wait for the requested server and work; return whether the job was served.

        A part of a process: ``yield from station.serve(…)``.

        Args:
            key: Identifies the job (see `entity_key`): orders jobs that end at the same instant.
            begun: Called when service begins.
            wanted: Called if the job has waited; a job that is not wanted any more is not served.
            work: Begins the work, given its time and key; the event is its end. By default it takes its time.
        """
        with server:
            if not server.triggered:
                yield server
                if not wanted():
                    return False
            begun()
            begun_at = self._env.now
            yield (work or self._env.after)(service_time, _END_OF_WORK | key)
        self.busy_time += self._env.now - begun_at
        self.served += 1
        # The next job begins before the owner of this one hears of its end.
        yield self._env.settled()
        return True
