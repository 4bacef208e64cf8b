"""
A branch of an execution: it enters one state after the other.

The main flow of the state machine, a branch of a Parallel and an iteration of a Map are branches. Times are
nanoseconds of the host's clock.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Protocol, TypeAlias

from harness.states_language.choice import instant
from harness.states_language.context_object import ContextObject
from harness.states_language.execution import Execution, Position
from harness.states_language.host import Host, nanoseconds
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
)
from harness.states_language.recovery import CENTURY

EVENTS_MAX = 25_000
"""AWS fails an execution whose event history grows longer."""

EVENTS_OF_A_STATE = 2

RUNTIME = "States.Runtime"
HISTORY_TOO_LONG = f"the event history has more than {EVENTS_MAX} events"


class StateFailed(Exception):
    """A state failed with an error name and a cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Parent(Protocol):
    """The owner of branches. Each branch reports its end exactly once, unless it is cancelled."""

    __slots__ = ()

    @abstractmethod
    def succeeded(self, branch: "Branch", output: Any) -> None: ...

    @abstractmethod
    def failed(self, branch: "Branch", error: str, cause: str) -> None: ...


class WorkEntry(Protocol):
    """
    An entered Task, Parallel or Map.

    Attributes:
        is_over: Whether the branch has left the state, or was cancelled.
        ready_at: When the current attempt could begin: on entry or after a back-off; None during a back-off.
        started_at: When work on the current attempt began; None before.
    """

    __slots__ = ()

    is_over: bool
    ready_at: int | None
    started_at: int | None

    @abstractmethod
    def begin(self) -> None:
        """Begin the next attempt."""

    @abstractmethod
    def cancel(self) -> None:
        """Ignore the result of the work."""

    @abstractmethod
    def in_progress(self) -> Iterator["Branch"]:
        """Yield the branches that the state waits for."""


WorkEntryFactory: TypeAlias = Callable[["Branch", Any, Any], WorkEntry]
"""Makes the entry of a Task, Parallel or Map from the branch, the state and its input."""


class Branch(Position):
    """
    One branch of an execution.

    States that take no time are run in a loop; for every other state the branch is called back.

    Args:
        index: Index among the branches of its parent.
        make_entry: Injected, because a Parallel and a Map make branches in turn.
        is_main: Whether this is the flow of the state machine itself.

    Attributes:
        next_node: The state to enter next, with *data* as its input; None in a state and at the end.
        entry: The entered state, if it is a Task, Parallel or Map.
    """

    __slots__ = (
        "_is_running", "cancelled", "data", "entry", "host", "index", "is_main", "make_entry", "next_node",
        "parent", "program",
    )  # fmt: skip

    def __init__(
        self,
        host: Host,
        execution: Execution,
        program: Program,
        parent: Parent,
        make_entry: WorkEntryFactory,
        item: int = 0,
        thread: int = 0,
        index: int = 0,
        map_item: Mapping[str, Any] | None = None,
        *,
        is_main: bool = False,
    ) -> None:
        super().__init__(execution, item, thread, map_item)
        self.host = host
        self.program = program
        self.parent = parent
        self.make_entry = make_entry
        self.index = index
        self.is_main = is_main
        self.cancelled = False
        self._is_running = False
        self.next_node: AnyNode | None = None
        self.data: Any = None
        self.entry: WorkEntry | None = None

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
        """
        Read a value from the data.

        Raises:
            StateFailed: There is no such value (with the error name *path_error*), or a function failed.
        """
        try:
            return reader(data, self.context)
        except PathNotFound as error:
            raise StateFailed(path_error, self._cause(error)) from None
        except IntrinsicFailure as error:
            raise StateFailed("States.IntrinsicFailure", self._cause(error)) from None

    def place(self, place_result: ResultPlacer, data: Any, result: Any) -> Any:
        """
        Put a result into the input of the state, as ResultPath says.

        Raises:
            StateFailed: The path does not fit the input.
        """
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
        if self.cancelled:
            return
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
        """
        Run a state without work.

        Raises:
            StateFailed: The state fails.
        """
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
        """Return the length of a Wait [ns]."""
        if node.seconds is not None:
            seconds = self.read(node.seconds, data)
            if not is_number(seconds) or not 0 <= seconds < CENTURY:
                raise StateFailed(RUNTIME, f"{seconds!r} is not a valid number of seconds to wait")
            return nanoseconds(seconds)
        assert node.until is not None  # noqa: S101 - one of the two is given
        text = self.read(node.until, data)
        until = instant(text) if isinstance(text, str) else None
        if until is None:
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


def is_number(value: Any) -> bool:
    """Return whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
