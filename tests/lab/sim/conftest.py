"""
A host for state machines without a platform: each test defines the workers.
"""

from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from simpy.resources.resource import PriorityRequest

from harness.lab.sim.event_order import Kind, entity_key, order
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.station import Station
from harness.states_language.asl_interpreter import Interpreter
from harness.states_language.execution import Execution
from harness.states_language.host import NS, Deadline, Host, TaskAttempt, nanoseconds
from harness.states_language.parser import parse_state_machine
from harness.states_language.program import compile_machine

Work = Callable[[TaskAttempt], None]


class Bench(Host):
    """
    Runs executions of one state machine.

    Attributes:
        steps: For every attempt: state, item, number, ready, started and finished [s], error, outcome.
        ends: The executions that have ended.
        draws: The value of every random number.
    """

    def __init__(self, definition: Mapping[str, Any], workers: Mapping[str, Work] | None = None) -> None:
        self.env = OrderedEnvironment()
        self.epoch = datetime(2026, 1, 5, tzinfo=UTC)
        self.machine = {"Id": "arn:aws:states:::stateMachine:bench", "Name": "bench"}
        self.program = compile_machine(parse_state_machine(definition))
        self.workers = dict(workers or {})
        self.steps: list[tuple[str, int, int, float, float | None, float, str | None, str | None]] = []
        self.ends: list[Execution] = []
        self.draws = 0.5

    def start_in(self, seconds: float, data: Any = None, entity: int = 0) -> None:
        """Start an execution after some seconds."""
        execution = Execution(f"execution-{entity}", {} if data is None else data, entity)

        def start() -> None:
            Interpreter(self, self.program, execution).start()

        self.env.call_in(nanoseconds(seconds), order(Kind.ARRIVAL, entity), start)

    def execute(self, data: Any = None) -> Execution:
        """Run one execution to its end."""
        self.start_in(0, data)
        self.env.run()
        return self.ends[-1]

    @property
    def now(self):
        return self.env.now

    def call_in(self, delay, position, node, callback):
        self.env.call_in(
            delay, order(Kind.TIMER, position.execution.entity, position.item, node.index), callback
        )

    def deadline_in(self, delay, attempt, callback):
        key = order(Kind.DEADLINE, attempt.execution.entity, attempt.item, attempt.number)
        deadline = Deadline(callback)
        self.env.call_in(delay, key, deadline.expire)
        return deadline

    def work(self, attempt):
        self.workers[attempt.node.name](attempt)

    def draw(self, purpose, position):
        return self.draws

    def record(self, position, ready_at, started_at, finished_at, outcome, error):
        started = None if started_at is None else started_at / NS
        self.steps.append(
            (position.node.name, position.item, position.number, ready_at / NS, started, finished_at / NS,
             error, outcome)
        )  # fmt: skip

    def ended(self, execution):
        self.ends.append(execution)

    def takes(self, seconds: float, result: Any = None) -> Work:
        """Return a worker that serves any number of attempts at once."""

        def work(attempt: TaskAttempt) -> None:
            attempt.begun()
            attempt.enforce_deadline(self.env.now + nanoseconds(seconds))
            key = order(Kind.END_OF_WORK, attempt.execution.entity, attempt.item)
            answer = attempt.payload if result is None else result
            self.env.call_in(nanoseconds(seconds), key, lambda: attempt.succeed(answer))

        return work

    def fails(self, *errors: str | None, seconds: float = 0) -> Work:
        """Return a worker whose n-th attempt ends with the n-th error (None: success), then the last."""
        calls = 0

        def work(attempt: TaskAttempt) -> None:
            nonlocal calls
            error = errors[min(calls, len(errors) - 1)]
            calls += 1
            attempt.begun()

            def end() -> None:
                if error is None:
                    attempt.succeed("done")
                else:
                    attempt.fail(error, "on purpose")

            self.env.call_in(nanoseconds(seconds), order(Kind.END_OF_WORK), end)

        return work

    def station(self, servers: int | None, draw: Callable[[], float]) -> Work:
        """Return a worker that is a station."""
        found = Station(self.env, servers)

        def work(attempt: TaskAttempt) -> None:
            server = found.request()
            if server.triggered:
                attempt.begun()
            attempt.enforce_deadline()
            self.env.process(visit(attempt, server, nanoseconds(draw())))

        def visit(attempt: TaskAttempt, server: PriorityRequest, service_time: int) -> Generator:
            key = entity_key(attempt.execution.entity, attempt.item, attempt.number)
            served = yield from found.serve(server, service_time, key, attempt.begun, lambda: attempt.is_open)
            if served:
                attempt.succeed(attempt.payload)

        work.station = found  # type: ignore[attr-defined]  # for tests that read it
        return work


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    """Return the bench."""
    return Bench
