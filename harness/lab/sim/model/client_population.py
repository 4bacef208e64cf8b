"""The clients of a run, scheduled (open workload) or in a loop (closed workload). Times are nanoseconds."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.client_session import ClientStopped, Pauses, SimulatedClient
from harness.lab.sim.model.engine import Engine
from harness.lab.sim.model.flows import FLOWS
from harness.lab.sim.model.model_context import ModelContext
from harness.lab.workload.arrivals.schedule import Schedule
from harness.states_language.host import NS, nanoseconds


class ClientPopulation:
    """
    Starts clients and runs their sessions.

    Args:
        schedule: The arrivals of an open workload; None for a closed one.
        settle: Called between events, each time that 50 more clients have ended.
    """

    def __init__(self, context: ModelContext, schedule: Schedule | None, settle: Callable[[], None]) -> None:
        self._context = context
        self._engine = context.engine
        self._schedule = schedule
        self._settle = settle
        self._waiting: deque[SimulatedClient] = deque()
        self._active: dict[int, SimulatedClient] = {}
        self._next = 0
        self._due_s = 0.0
        self._ended = 0
        self.started = 0

    @property
    def is_over(self) -> bool:
        """Whether no client is active or waiting and no arrival is left."""
        if self._active or self._waiting:
            return False
        return self._schedule is None or self._next >= len(self._schedule)

    def start(self) -> None:
        """Schedule the first arrival, or start all users."""
        if self._schedule is None:
            for _ in range(self._context.scenario.users or 0):
                self._start_user()
        else:
            self._schedule_next()

    def censor(self, at: int) -> None:
        """Record what has not ended when the run does."""
        for client in list(self._active.values()):
            client.censor(at)
        for client in self._waiting:
            client.never_started(at)

    def _schedule_next(self) -> None:
        assert self._schedule is not None  # noqa: S101 - only an open workload has arrivals
        if self._next < len(self._schedule):
            self._due_s = float(self._schedule.at[self._next])
            delay = nanoseconds(self._due_s) - self._engine.now
            self._engine.call_in(delay, order(Kind.ARRIVAL, self._next), self._arrive)

    def _arrive(self) -> None:
        batch = self._context.mix.batch(self._next, self._due_s)
        self._next += 1
        self._schedule_next()
        client = SimulatedClient(self._context, batch, self._engine.now)
        if len(self._active) >= self._context.scenario.max_in_flight:
            self._waiting.append(client)
        else:
            self._begin(client)

    def _start_user(self) -> None:
        now = self._engine.now
        if now < self._context.duration:
            batch = self._context.mix.batch(self._next, now / NS)
            self._next += 1
            self._begin(SimulatedClient(self._context, batch, now))

    def _begin(self, client: SimulatedClient) -> None:
        self.started += 1
        self._active[client.arrival] = client
        key = order(Kind.CLIENT, client.arrival)
        _Session(self._engine, client, self._end, key, FLOWS[client.batch.flow](client))()

    def _end(self, client: SimulatedClient) -> None:
        del self._active[client.arrival]
        self._ended += 1
        if not self._ended % 50:
            self._settle()
        if self._schedule is None:
            # Not at once: the clock would never advance if sessions took no time.
            self._engine.call_in(1, order(Kind.CLIENT, client.arrival), self._start_user)
        elif self._waiting:
            self._begin(self._waiting.popleft())


@dataclass(slots=True, eq=False)
class _Session:
    """
    The running session of a client: called at the end of each pause.

    An object instead of a closure, which would refer to itself and need the garbage collector.
    """

    engine: Engine
    client: SimulatedClient
    ended: Callable[[SimulatedClient], None]
    key: int
    pauses: Pauses

    def __call__(self) -> None:
        try:
            pause = next(self.pauses)
        except StopIteration:
            self.ended(self.client)
        except ClientStopped as stopped:
            self.client.stopped(str(stopped))
            self.ended(self.client)
        else:
            self.engine.call_in(pause, self.key, self)
