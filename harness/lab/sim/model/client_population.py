"""
Who plays when: arrivals on schedule (open), or users who take one after another (closed).

Times are nanoseconds.
"""

from collections import deque
from collections.abc import Callable

from harness.lab.sim.model.client_session import ClientStopped, SimulatedClient
from harness.lab.sim.model.engine import Engine, nanoseconds
from harness.lab.sim.model.flows import PLAYS
from harness.lab.sim.model.model_context import ModelContext
from harness.lab.workload.arrivals.schedule import Schedule
from harness.states_language.host_clock import Kind, order


class ClientPopulation:
    """
    Starts visits and carries them on.

    Args:
        settle: Called now and then, when nothing is half done.

    Attributes:
        started, ended: Visits [count].
    """

    def __init__(self, world: ModelContext, schedule: Schedule | None, settle: Callable[[], None]) -> None:
        self._world = world
        self._engine: Engine = world.engine
        self._schedule = schedule
        self._settle = settle
        self._waiting: deque[SimulatedClient] = deque()
        self._under_way: dict[int, SimulatedClient] = {}
        self._next = 0
        self._due_s = 0.0
        self.started = 0
        self.ended = 0

    @property
    def is_over(self) -> bool:
        """Whether nobody is under way and nobody will come any more."""
        if self._under_way or self._waiting:
            return False
        return self._schedule is None or self._next >= len(self._schedule)

    def start(self) -> None:
        """Let the first arrival or all users come."""
        if self._schedule is None:
            for _ in range(self._world.scenario.users or 0):
                self._take_next(None)
        elif len(self._schedule):
            self._await_next()

    def give_up(self, at: int) -> None:
        """Record everything that has not ended."""
        for visit in list(self._under_way.values()):
            visit.censor(at)
        for visit in self._waiting:
            visit.never_started(at)

    def _await_next(self) -> None:
        assert self._schedule is not None  # noqa: S101 - a closed crowd has no schedule
        index = self._next
        if index < len(self._schedule):
            self._due_s = float(self._schedule.at[index])
            delay = nanoseconds(self._due_s) - self._engine.now
            self._engine.call_in(delay, order(Kind.ARRIVAL, index), self._arrive)

    def _arrive(self, _: object) -> None:
        batch = self._world.mix.batch(self._next, self._due_s)
        self._next += 1
        self._await_next()
        visit = SimulatedClient(self._world, batch, self._engine.now)
        if len(self._under_way) >= self._world.scenario.max_in_flight:
            self._waiting.append(visit)
        else:
            self._begin(visit)

    def _take_next(self, _: object) -> None:
        now = self._engine.now
        if now >= self._world.duration:
            return
        index = self._next
        self._next += 1
        self._begin(SimulatedClient(self._world, self._world.mix.batch(index, now / 1e9), now))

    def _begin(self, visit: SimulatedClient) -> None:
        self.started += 1
        self._under_way[visit.arrival] = visit
        _SessionRun(self._engine, visit, self._end)(None)

    def _end(self, visit: SimulatedClient) -> None:
        del self._under_way[visit.arrival]
        self.ended += 1
        if not self.ended % 50:
            self._settle()
        if self._schedule is None:
            # Not at once: a user whose visits take no time would never let the clock go on.
            self._engine.call_in(1, order(Kind.CLIENT, visit.arrival), self._take_next)
        elif self._waiting:
            self._begin(self._waiting.popleft())


class _SessionRun:
    """
    A visit being played: called whenever one of its pauses is over.

    An object and no closure, which would refer to itself and have to be found by the collector.
    """

    __slots__ = ("_ended", "_engine", "_key", "_pauses", "_visit")

    def __init__(
        self, engine: Engine, visit: SimulatedClient, ended: Callable[[SimulatedClient], None]
    ) -> None:
        self._engine = engine
        self._visit = visit
        self._ended = ended
        self._key = order(Kind.CLIENT, visit.arrival)
        self._pauses = PLAYS[visit.batch.flow](visit)

    def __call__(self, _: object) -> None:
        try:
            pause = next(self._pauses)
        except StopIteration:
            self._ended(self._visit)
        except ClientStopped as stopped:
            self._visit.stopped(str(stopped))
            self._ended(self._visit)
        else:
            self._engine.call_in(pause, self._key, self)
