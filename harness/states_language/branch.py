"""
A branch of an execution, and the states that it enters one after the other.

The main flow of the state machine, a branch of a Parallel and an iteration of a Map are branches. Times are
nanoseconds of the host's clock.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeAlias

from harness.states_language.choice import instant
from harness.states_language.context_object import ContextObject
from harness.states_language.execution import Position
from harness.states_language.host import Host, nanoseconds
from harness.states_language.json_node import is_number
from harness.states_language.paths import PathNotFound, Reader
from harness.states_language.payload_template import IntrinsicFailure
from harness.states_language.program import (
    AnyNode,
    CompiledChoice,
    CompiledFail,
    CompiledPass,
    CompiledSucceed,
    CompiledWait,
    CompiledWork,
    Program,
    ResultPlacer,
    WorkNode,
)
from harness.states_language.recovery import CENTURY, handles

EVENTS_MAX = 25_000
"""AWS fails an execution whose event history grows longer."""

EVENTS_OF_A_STATE = 2
EVENTS_OF_AN_ATTEMPT = 3

RUNTIME = "States.Runtime"
PARAMETER_PATH = "States.ParameterPathFailure"
HISTORY_TOO_LONG = f"the event history has more than {EVENTS_MAX} events"


@dataclass(eq=False)
class StateFailed(Exception):
    """A state failed with an error name and a cause."""

    error: str
    cause: str


class Parent(Protocol):
    """The owner of branches. Each branch reports its end exactly once, unless it is cancelled."""

    __slots__ = ()

    @abstractmethod
    def succeeded(self, branch: "Branch", output: Any) -> None: ...

    @abstractmethod
    def failed(self, branch: "Branch", error: str, cause: str) -> None: ...


EntryFactory: TypeAlias = Callable[["Branch", Any, Any], "StateEntry"]
"""Makes the entry of a Task, Parallel or Map from the branch, the state and its input."""


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class Branch(Position):
    """
    One branch of an execution.

    States that take no time are run in a loop; for every other state the branch is called back.

    Attributes:
        make_entry: Injected, because a Parallel and a Map make branches in turn.
        index: Index among the branches of its parent.
        is_main: Whether this is the flow of the state machine itself.
        next_node: The state to enter next, with *data* as its input; None in a state and at the end.
        entry: The entered state, if it is a Task, Parallel or Map.
    """

    host: Host
    program: Program
    parent: Parent
    make_entry: EntryFactory
    index: int = 0
    is_main: bool = False
    cancelled: bool = False
    next_node: AnyNode | None = None
    data: Any = None
    entry: "StateEntry | None" = None
    _is_running: bool = False

    def start(self, data: Any) -> None:
        self.go(self.program.start_at, data)

    def cancel(self) -> None:
        """Stop the branch; it does not wait for work that has begun."""
        self.record_unfinished(self.host.now, "ABORTED")
        self.cancelled = True
        if self.entry is not None:
            self.entry.cancel()

    def in_progress(self) -> Iterator["Branch"]:
        """Yield this branch and the branches that it waits for."""
        yield self
        if self.entry is not None and not self.entry.is_over:
            yield from self.entry.in_progress()

    def go(self, name: str, data: Any) -> None:
        """
        Continue with a state, and with the states after it as long as they take no time.

        If the branch is already running (the work was done immediately), only the next state is set: a loop
        of such states must not become a deep recursion.
        """
        self.next_node = self.program.nodes[name]
        self.data = data
        if not self._is_running:
            self._run()

    def leave(self, node: AnyNode, data: Any) -> None:
        """Leave a state with its output, and continue with the next one if there is one."""
        if node.read_output is not None:
            try:
                data = self.read(node.read_output, data)
            except StateFailed as failure:
                self.fail(failure.error, failure.cause)
                return
        if node.next is None:
            self.parent.succeeded(self, data)
        else:
            self.go(node.next, data)

    def fail(self, error: str, cause: str) -> None:
        """End the branch with an error."""
        self.parent.failed(self, error, cause)

    def read(self, reader: Reader, data: Any, path_error: str = RUNTIME) -> Any:
        """Read a value; a missing one fails the state with the error name *path_error*."""
        try:
            return reader(data, self.context)
        except PathNotFound as error:
            raise StateFailed(path_error, self._cause(error)) from None
        except IntrinsicFailure as error:
            raise StateFailed("States.IntrinsicFailure", self._cause(error)) from None

    def place(self, place_result: ResultPlacer, data: Any, result: Any) -> Any:
        """Put a result into the input of the state, as ResultPath says, or fail the state."""
        try:
            return place_result(data, result)
        except PathNotFound as error:
            raise StateFailed("States.ResultPathMatchFailure", self._cause(error)) from None

    def context(self) -> ContextObject:
        """Return the context object (``$$``)."""
        return ContextObject(self.host, self)

    def record_unfinished(self, finished_at: int | None, outcome: str | None) -> None:
        """Record the attempt or the state without work that the branch is in, if there is one."""
        if self.node is None or self.next_node is not None or self.cancelled:
            return
        entry = self.entry
        if entry is None:
            self.host.record(self, self.entered_at, self.entered_at, finished_at, outcome, None)
        elif not entry.is_over and entry.ready_at is not None:
            self.host.record(self, entry.ready_at, entry.started_at, finished_at, outcome, None)

    def _run(self) -> None:
        host, execution = self.host, self.execution
        self._is_running = True
        while (node := self.next_node) is not None:
            delay = host.transition(self, node)
            execution.transitions += 1
            if delay > 0:
                host.call_in(delay, self, node, self._arrive)
                break
            self._enter(node)
        self._is_running = False

    def _arrive(self) -> None:
        if not self.cancelled:
            assert self.next_node is not None  # noqa: S101 - the transition was to it
            self._is_running = True
            self._enter(self.next_node)
            self._is_running = False
            if self.next_node is not None:
                self._run()

    def _enter(self, node: AnyNode) -> None:
        """Enter a state; afterwards `next_node` is set if the state took no time."""
        execution, data = self.execution, self.data
        self.node, self.next_node, self.entry, self.number = node, None, None, 1
        self.entered_at = self.host.now
        execution.events += EVENTS_OF_A_STATE
        if execution.events > EVENTS_MAX:
            self.fail(RUNTIME, HISTORY_TOO_LONG)
        elif isinstance(node, CompiledWork):
            self.entry = self.make_entry(self, node, data)
            self.entry.begin()
        else:
            try:
                self._pass_through(node, data)
            except StateFailed as failure:
                self._record("FAILED", failure.error)
                self.fail(failure.error, failure.cause)

    def _pass_through(self, node: AnyNode, data: Any) -> None:
        """Run a state without work."""
        seen = data if node.read_input is None else self.read(node.read_input, data)
        match node:
            case CompiledChoice():
                chosen = self._choose(node, seen)
                output = seen if node.read_output is None else self.read(node.read_output, seen)
                self._record()
                self.go(chosen, output)
            case CompiledPass():
                result = seen if node.parameters is None else self.read(node.parameters, seen)
                placed = self.place(node.place_result, data, node.result if node.has_result else result)
                self._record()
                self.leave(node, placed)
            case CompiledWait():
                self.host.call_in(self._wait(node, seen), self, node, partial(self._waited, node, seen))
            case CompiledSucceed():
                self._record()
                self.leave(node, seen)
            case CompiledFail():
                error, cause = self.read(node.error, seen), self.read(node.cause, seen)
                raise StateFailed(str(error or ""), str(cause or ""))

    def _cause(self, error: Exception) -> str:
        """Return the cause of a failure; outside the main branch it names the state."""
        if self.node is None or self.is_main:
            return str(error)
        return f"{error}, in {self.node.name}"

    def _choose(self, node: CompiledChoice, data: Any) -> str:
        for condition, target in node.rules:
            if self.read(condition, data):
                return target
        if node.default is None:
            raise StateFailed("States.NoChoiceMatched", f"no rule of {node.name} matches")
        return node.default

    def _wait(self, node: CompiledWait, data: Any) -> int:
        if node.seconds is not None:
            seconds = self.read(node.seconds, data)
            if not is_number(seconds) or not 0 <= seconds < CENTURY:
                raise StateFailed(RUNTIME, f"{seconds!r} is not a valid number of seconds to wait")
            return nanoseconds(seconds)
        assert node.until is not None  # noqa: S101 - one of the two is given
        text = self.read(node.until, data)
        if (until := instant(text)) is None:
            raise StateFailed(RUNTIME, f"{text!r} is not a valid timestamp to wait for")
        wait = until - (self.host.epoch + timedelta(microseconds=self.entered_at // 1000))
        return max(0, round(wait / timedelta(microseconds=1)) * 1000)

    def _waited(self, node: CompiledWait, data: Any) -> None:
        if not self.cancelled:
            self._record()
            self.leave(node, data)

    def _record(self, outcome: str = "SUCCEEDED", error: str | None = None) -> None:
        at = self.entered_at
        self.host.record(self, at, at, self.host.now, outcome, error)


class StateEntry(ABC):
    """
    An entered Task, Parallel or Map, with its attempts, retries and catchers.

    Attributes:
        is_over: Whether the branch has left the state, or was cancelled.
        ready_at: When the current attempt could begin: on entry or after a back-off; None during a back-off.
        started_at: When work on the current attempt began; None before.
    """

    __slots__ = ("_retries", "branch", "data", "is_over", "node", "ready_at", "started_at")

    def __init__(self, branch: Branch, node: WorkNode, data: Any) -> None:
        self.branch = branch
        self.node = node
        self.data = data
        self.ready_at: int | None = branch.entered_at
        self.started_at: int | None = None
        self.is_over = False
        self._retries: list[int] | None = None

    def begin(self) -> None:
        """Begin the next attempt."""
        self.started_at = None
        self.branch.execution.events += EVENTS_OF_AN_ATTEMPT
        try:
            if self.branch.execution.events > EVENTS_MAX:
                raise StateFailed(RUNTIME, HISTORY_TOO_LONG)
            data = self.data
            if self.node.read_input is not None:
                data = self.branch.read(self.node.read_input, data)
            self._work(data)
        except StateFailed as failure:
            self.fail(failure.error, failure.cause)

    @abstractmethod
    def _work(self, data: Any) -> None:
        """Start the work, which calls `succeed` or `fail` at its end, or raise StateFailed."""

    def cancel(self) -> None:
        """Ignore the result of the work."""
        self.is_over = True

    def in_progress(self) -> Iterator[Branch]:
        """Yield the branches that the state waits for."""
        yield from ()

    def succeed(self, result: Any) -> None:
        """End the current attempt with a result, and leave the state."""
        branch, node = self.branch, self.node
        try:
            if node.selector is not None:
                result = branch.read(node.selector, result, PARAMETER_PATH)
            placed = branch.place(node.place_result, self.data, result)
        except StateFailed as failure:
            self.fail(failure.error, failure.cause)
            return
        self.is_over = True
        self._record("SUCCEEDED", None)
        # Without reference cycles memory is freed at once: the simulator turns the garbage collector off.
        branch.entry = None
        branch.leave(node, placed)

    def fail(self, error: str, cause: str) -> None:
        """End the current attempt with an error: retry, go to a catcher, or fail the branch."""
        self._record("FAILED", error)
        branch = self.branch
        if (delay := self._back_off(error)) is not None:
            branch.host.call_in(delay, branch, self.node, self._retry)
            self.ready_at = None
            return
        self.is_over = True
        for catcher, place in self.node.catch:
            if handles(catcher.error_equals, error):
                branch.host.caught(branch, error, cause)
                try:
                    data = branch.place(place, self.data, {"Error": error, "Cause": cause})
                except StateFailed as failure:
                    branch.fail(failure.error, failure.cause)
                    return
                branch.go(catcher.next, data)
                return
        branch.fail(error, cause)

    def _retry(self) -> None:
        if not self.is_over:
            branch = self.branch
            self.ready_at = branch.host.now
            branch.number += 1
            branch.host.retried()
            self.begin()

    def _back_off(self, error: str) -> int | None:
        """Return the pause before the next attempt; None if there is no further attempt."""
        for position, retrier in enumerate(self.node.retry):
            if not handles(retrier.error_equals, error):
                continue
            if self._retries is None:
                self._retries = [0] * len(self.node.retry)
            if self._retries[position] >= retrier.max_attempts:
                return None
            self._retries[position] += 1
            delay = retrier.delay(self._retries[position])
            if retrier.full_jitter:
                delay *= self.branch.host.draw("jitter", self.branch)
            return nanoseconds(delay)
        return None

    def _record(self, outcome: str, error: str | None) -> None:
        branch = self.branch
        assert self.ready_at is not None  # noqa: S101 - it is None between attempts only
        branch.host.record(branch, self.ready_at, self.started_at, branch.host.now, outcome, error)
