"""
A bench to play state machines on: no platform around them, workers made by the test.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from harness.lab.sim.model.engine import Engine, about, nanoseconds
from harness.lab.sim.model.station import Station, StationJob
from harness.states_language.execution import Execution
from harness.states_language.host_clock import NS, Kind, order
from harness.states_language.parser import parse_state_machine
from harness.states_language.program import compile_machine
from harness.states_language.state_entry import TaskAttempt
from harness.states_language.thread import Host

Work = Callable[[TaskAttempt], None]


class Bench(Host):
    """
    Plays executions of one state machine.

    Attributes:
        steps: Of every attempt: state, item, number, ready, started and finished [s], error, outcome.
        ends: The executions that have ended.
    """

    def __init__(self, definition: Mapping[str, Any], workers: Mapping[str, Work] | None = None) -> None:
        self.engine = Engine()
        self.clock = self.engine
        self.epoch = datetime(2026, 1, 5, tzinfo=UTC)
        self.machine = {"Id": "arn:aws:states:::stateMachine:bench", "Name": "bench"}
        self.program = compile_machine(parse_state_machine(definition))
        self.workers = dict(workers or {})
        self.steps: list[tuple[str, int, int, float, float | None, float, str | None, str | None]] = []
        self.ends: list[Execution] = []
        self.draws = 0.5

    def start_in(self, seconds: float, data: Any = None, entity: int = 0) -> None:
        """Start an execution later."""

        def start(_: object) -> None:
            Execution(self, self.program, f"execution-{entity}", entity, {} if data is None else data).start()

        self.engine.call_in(nanoseconds(seconds), order(Kind.ARRIVAL, entity), start)

    def play(self, data: Any = None) -> Execution:
        """Play one execution to its end."""
        self.start_in(0, data)
        self.engine.run()
        return self.ends[-1]

    def transition(self, execution, node):
        return 0

    def work(self, attempt):
        self.workers[attempt.node.name](attempt)

    def repeat(self):
        pass

    def draw(self, purpose, walk):
        return self.draws

    def step(self, execution, state, item, attempt, ready_at, started_at, finished_at, outcome, error):
        started = None if started_at is None else started_at / NS
        self.steps.append((state, item, attempt, ready_at / NS, started, finished_at / NS, error, outcome))

    def caught(self, state, error, cause):
        pass

    def ended(self, execution):
        self.ends.append(execution)

    def takes(self, seconds: float, result: Any = None) -> Work:
        """Return a worker with as many hands as there are attempts."""

        def work(attempt: TaskAttempt) -> None:
            attempt.begun()
            attempt.guard(self.engine.now + nanoseconds(seconds))
            key = order(Kind.END_OF_WORK, attempt.execution.entity, attempt.item)
            answer = attempt.payload if result is None else result
            self.engine.call_in(nanoseconds(seconds), key, lambda _: attempt.succeed(answer))

        return work

    def fails(self, *errors: str | None, seconds: float = 0) -> Work:
        """Return a worker whose n-th attempt ends with the n-th error (None: well), the last one for ever."""
        calls = 0

        def work(attempt: TaskAttempt) -> None:
            nonlocal calls
            error = errors[min(calls, len(errors) - 1)]
            calls += 1
            attempt.begun()

            def end(_: object) -> None:
                if error is None:
                    attempt.succeed("done")
                else:
                    attempt.fail(error, "on purpose")

            self.engine.call_in(nanoseconds(seconds), order(Kind.END_OF_WORK), end)

        return work

    def station(self, servers: int | None, draw: Callable[[], float]) -> Work:
        """Return a worker that is a station with so many servers."""
        found = Station(self.engine, servers)

        def work(attempt: TaskAttempt) -> None:
            key = about(attempt.execution.entity, attempt.item, attempt.number)

            def done() -> None:
                attempt.succeed(attempt.payload)

            found.offer(StationJob(key, nanoseconds(draw()), attempt.begun, done, lambda: attempt.is_open))
            attempt.guard()

        work.station = found  # type: ignore[attr-defined]  # for tests that look at it
        return work


@pytest.fixture(scope="session")
def bench() -> type[Bench]:
    """Return the bench."""
    return Bench
