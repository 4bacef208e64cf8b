"""
The interface between the interpreter and its host.

The interpreter has no clock, no random numbers and no workers. A `Host` provides them, so that the same state
machine runs in a simulation or in virtual time in memory. Times are whole nanoseconds.

A host in virtual time needs ten lines. Each of its Tasks takes two seconds:

>>> import heapq, itertools
>>> class VirtualTime(Host):
...     def __init__(self):
...         self.now, self.queue, self.numbers = 0, [], itertools.count()
...     def call_in(self, delay, position, node, callback):
...         heapq.heappush(self.queue, (self.now + delay, next(self.numbers), callback))
...     def work(self, attempt):
...         self.call_in(2 * NS, attempt.position, attempt.node, lambda: attempt.succeed({"paid": True}))
...     def run(self):
...         while self.queue:
...             self.now, _, callback = heapq.heappop(self.queue)
...             callback()

The `Interpreter` runs an execution on it:

>>> from harness.states_language.asl_interpreter import Interpreter
>>> from harness.states_language.parser import parse_state_machine
>>> from harness.states_language.program import compile_machine
>>> pay = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True}
>>> program = compile_machine(parse_state_machine({"StartAt": "Pay", "States": {"Pay": pay}}))
>>> host = VirtualTime()
>>> execution = Execution("order-1", {"amount": 5})
>>> Interpreter(host, program, execution).start()
>>> host.run()
>>> execution.output, host.now
({'paid': True}, 2000000000)
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from harness.states_language.execution import Execution, Position
from harness.states_language.program import AnyNode, CompiledTask

NS = 1_000_000_000
"""Nanoseconds in a second."""

Callback = Callable[[], object]


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds."""
    return round(seconds * NS)


class Deadline:
    """A callback that is cancelled if the expected event happens in time."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callback) -> None:
        self._callback: Callback | None = callback

    @property
    def is_open(self) -> bool:
        """Whether the deadline has neither passed nor been cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        self._callback = None

    def expire(self) -> None:
        """Run the callback unless the deadline was cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class AttemptOwner(Protocol):
    """The entered Task that waits for the result of an attempt."""

    __slots__ = ()

    @abstractmethod
    def work_begun(self) -> None: ...

    @abstractmethod
    def succeed(self, result: Any) -> None: ...

    @abstractmethod
    def fail(self, error: str, cause: str) -> None: ...


@dataclass(slots=True, eq=False, repr=False)
class TaskAttempt:
    """
    One attempt of a Task, as its worker sees it.

    Attributes:
        thread: Number that distinguishes the iterations of nested Maps, for random numbers.
        number: Number of the attempt, from 1.
        deadline: When the Task times out; None without a time-out.
        heartbeat: Longest allowed time without a heartbeat; None without a limit.
        is_open: False once the result no longer matters: the attempt has ended, or its branch was stopped.
    """

    _host: "Host"
    _owner: AttemptOwner
    position: Position
    node: CompiledTask
    payload: Any
    deadline: int | None
    heartbeat: int | None
    execution: Execution = field(init=False)
    item: int = field(init=False)
    thread: int = field(init=False)
    number: int = field(init=False)
    is_open: bool = True
    _deadlines: tuple[Deadline, ...] = ()

    def __post_init__(self) -> None:
        # Copied: the branch may go on while a worker still has the attempt.
        position = self.position
        self.execution, self.item = position.execution, position.item
        self.thread, self.number = position.thread, position.number

    def begun(self) -> None:
        """Note that a worker begins the attempt now."""
        if self.is_open:
            self._owner.work_begun()

    def succeed(self, result: Any) -> None:
        """End the attempt with a result, unless it is closed."""
        if self.is_open:
            self.close()
            self._owner.succeed(result)

    def fail(self, error: str, cause: str = "") -> None:
        """End the attempt with an error, unless it is closed."""
        if self.is_open:
            self.close()
            self._owner.fail(error, cause)

    def close(self) -> None:
        """Ignore all further results of the attempt."""
        self.is_open = False
        for deadline in self._deadlines:
            deadline.cancel()

    def enforce_deadline(self, until: int | None = None) -> None:
        """Let the attempt time out at its deadline, unless its work ends before, at *until*."""
        if self.deadline is not None and (until is None or until > self.deadline):
            left = self.deadline - self._host.now
            self.fail_in(left, "States.Timeout", "the Task took longer than its time-out")

    def fail_in(self, delay: int, error: str, cause: str) -> None:
        """Let the attempt fail after *delay*, unless it ends before."""
        self._deadlines += (self._host.deadline_in(delay, self, partial(self.fail, error, cause)),)


class Host(Protocol):
    """
    The environment of executions: time, delays, random numbers, work and records.

    A host must define `now`, `call_in` and `work`; the other methods have defaults.

    Attributes:
        now: Time since *epoch*.
        epoch: UTC time of 0.
        machine: ``$$.StateMachine``: ARN ("Id") and name of the state machine.
    """

    now: int
    epoch: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    machine: Mapping[str, str] = {"Id": "arn:aws:states:::stateMachine:local", "Name": "local"}

    @abstractmethod
    def call_in(self, delay: int, position: Position, node: AnyNode, callback: Callback) -> None:
        """Call *callback* after *delay*. A host may order events of one instant by position and state."""

    @abstractmethod
    def work(self, attempt: TaskAttempt) -> None:
        """Start the work of a Task. The host calls ``attempt.succeed`` or ``attempt.fail`` at its end."""

    def deadline_in(self, delay: int, attempt: TaskAttempt, callback: Callback) -> Deadline:
        """Call *callback* after *delay*, unless the returned deadline is cancelled before."""
        deadline = Deadline(callback)
        self.call_in(delay, attempt.position, attempt.node, deadline.expire)
        return deadline

    def transition(self, position: Position, node: AnyNode) -> int:
        """Return the delay before the state *node* is entered."""
        del position, node
        return 0

    def retried(self) -> None:
        """Note that a state is attempted again, which AWS bills as a transition."""

    def draw(self, purpose: str, position: Position) -> float:
        """Return a random number in (0, 1); each call for the same purpose and position gives another one."""
        raise NotImplementedError(f"this host has no random numbers, needed for {purpose}")

    def record(
        self,
        position: Position,
        ready_at: int,
        started_at: int | None,
        finished_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        """Record the attempt at the position's state; without *finished_at* it had not ended."""

    def caught(self, position: Position, error: str, cause: str) -> None:
        """Note that a catcher handled the failure of a state."""

    def ended(self, execution: Execution) -> None:
        """Note that an execution has ended."""
