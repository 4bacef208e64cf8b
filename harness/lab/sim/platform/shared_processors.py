"""
The processors of the host: all work on them is done at once, and shares them (processor sharing).

While there is work for no more processors than there are, each piece of work runs at full speed; else all
slow down alike. A virtual time V advances at that common speed, so work that needs s of full speed and
begins at V ends at V + s, whatever comes and goes in between: one heap, and O(log n) for each beginning and
end. Times are integers [ns], so that both engines compute the same.

Source: L. Kleinrock, Queueing Systems, volume 2, 1976 (processor sharing); virtual time as in A. Demers,
S. Keshav, S. Shenker, Analysis and simulation of a fair queueing algorithm, SIGCOMM 1989.
"""

from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush

from simpy.events import Event

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.ordered_environment import OrderedEnvironment

ONE = 1000
"""Weight of work that keeps one processor busy."""

_END_OF_WORK = order(Kind.END_OF_WORK)


class SharedProcessors:
    """
    Processors that share all work.

    Args:
        processors: Number of processors.

    Attributes:
        busy_time: Processor time of all work that has ended [ns].
    """

    def __init__(self, env: OrderedEnvironment, processors: int) -> None:
        self._env = env
        self._capacity = processors * ONE
        self._virtual = 0
        self._updated_at = 0
        self._weight = 0
        self._heap: list[tuple[int, int, int, int, Event]] = []
        self._number = 0
        self._expected: tuple[int, int] | None = None
        self._expectations = 0
        self.busy_time = 0

    @property
    def working(self) -> int:
        """Number of pieces of work under way."""
        return len(self._heap)

    def use(self, work: int, key: int, ended: Callable[[], object], weight: int = ONE) -> None:
        """Begin work now, and call *ended* when it has ended; the other arguments are those of `used`."""

        def end(_event: Event) -> None:
            ended()

        self.used(work, key, weight=weight).callbacks.append(end)

    def used(self, work: int, key: int, *, weight: int = ONE) -> Event:
        """
        Begin work now; return the event of its end, for a process to wait for.

        Args:
            work: Time that it takes at full speed [ns].
            key: Identifies it (see `entity_key`): orders work that ends at the same instant.
            weight: `ONE` for each processor that it keeps busy.
        """
        self._advance()
        self._number += 1
        event = self._env.event()
        heappush(self._heap, (self._virtual + work, key, self._number, weight, event))
        self._weight += weight
        self.busy_time += work * weight // ONE
        self._expect_next()
        return event

    def _advance(self) -> None:
        """Advance the virtual time to now."""
        elapsed = self._env.now - self._updated_at
        self._updated_at = self._env.now
        if self._weight > self._capacity:
            elapsed = elapsed * self._capacity // self._weight
        self._virtual += elapsed

    def _expect_next(self) -> None:
        """Schedule the next end of work, if its time or the work that ends first has changed."""
        if not self._heap:
            return
        left, key = self._heap[0][0] - self._virtual, self._heap[0][1]
        if self._weight > self._capacity:
            left = -(-left * self._weight // self._capacity)
        expected = (self._env.now + left, key)
        if expected != self._expected:
            self._expected = expected
            self._expectations += 1
            self._env.call_in(left, _END_OF_WORK | key, partial(self._end_work, self._expectations))

    def _end_work(self, expectation: int) -> None:
        """End all work that is done; without effect unless this is the latest expectation."""
        if expectation != self._expectations:
            return
        self._advance()
        done = []
        while self._heap and self._heap[0][0] <= self._virtual:
            _, _, _, weight, event = heappop(self._heap)
            self._weight -= weight
            done.append(event)
        self._expected = None
        self._expect_next()
        for event in done:
            event.succeed()
