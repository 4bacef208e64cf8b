"""The clients of a run, scheduled (open workload) or in a loop (closed workload). Times are nanoseconds."""

from collections.abc import Callable

import simpy
from simpy.events import ProcessGenerator

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.client_session import ClientStopped, SimulatedClient
from harness.lab.sim.model.flows import FLOWS
from harness.lab.sim.model.model_context import ModelContext
from harness.lab.workload.arrivals.schedule import Schedule, schedule
from harness.states_language.host import NS, nanoseconds


class ClientPopulation:
    """
    Starts clients and runs their sessions.

    Args:
        settle: Called between events, each time that 50 more clients have ended.

    Attributes:
        started: Number of clients that have begun their session.
    """

    def __init__(self, context: ModelContext, settle: Callable[[], None]) -> None:
        self._context = context
        self._env = context.env
        self._schedule: Schedule | None = None
        self._settle = settle
        self._places = simpy.Resource(self._env, context.scenario.max_in_flight)
        self._present: dict[int, SimulatedClient] = {}
        self._arrived = 0
        self._ended = 0
        self.started = 0

    @property
    def is_over(self) -> bool:
        """Whether no client is active or waiting and no arrival is left."""
        return not self._present and (self._schedule is None or self._arrived >= len(self._schedule))

    def start(self) -> None:
        """Start the process of the arrivals, or one of each user."""
        context = self._context
        if not context.scenario.users:
            self._schedule = schedule(context.scenario, context.mix.replication)
            self._env.process(self._arrivals(self._schedule))
        for _ in range(context.scenario.users or 0):
            self._env.process(self._user())

    def censor(self, at: int) -> None:
        """Record what has not ended when the run does."""
        for client in list(self._present.values()):
            if client.has_begun:
                client.censor(at)
            else:
                client.never_started(at)

    def _arrivals(self, schedule: Schedule) -> ProcessGenerator:
        """Process of the arrivals of an open workload."""
        env = self._env
        for arrival, due_s in enumerate(schedule.at.tolist()):
            yield env.after(nanoseconds(due_s) - env.now, order(Kind.ARRIVAL, arrival))
            env.process(self._visit(self._next_client(due_s)))

    def _visit(self, client: SimulatedClient) -> ProcessGenerator:
        """Process of one client, which waits for one of the places if there are too many."""
        with self._places.request() as place:
            yield place
            yield from self._session(client)

    def _user(self) -> ProcessGenerator:
        """Process of one user of a closed workload: one session after the other."""
        env = self._env
        while env.now < self._context.duration:
            client = self._next_client(env.now / NS)
            yield from self._session(client)
            # Not at once: the clock would never advance if sessions took no time.
            yield env.after(1, order(Kind.CLIENT, client.arrival))

    def _next_client(self, due_s: float) -> SimulatedClient:
        batch = self._context.mix.batch(self._arrived, due_s)
        self._arrived += 1
        client = self._present[batch.arrival] = SimulatedClient(self._context, batch, self._env.now)
        return client

    def _session(self, client: SimulatedClient) -> ProcessGenerator:
        self.started += 1
        client.has_begun = True
        try:
            yield from FLOWS[client.batch.flow](client)
        except ClientStopped as stopped:
            client.stopped(str(stopped))
        del self._present[client.arrival]
        self._ended += 1
        if not self._ended % 50:
            self._settle()
