"""
The way of an execution through its states, by the rules of the states language.

A `Thread` is one thread of control on its way through one flow: the machine itself, a branch or an
iteration. It runs through states that take no time in a loop and is called back by whatever it waits
for. Times are nanoseconds of the engine's clock.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from harness.states_language.choice import instant
from harness.states_language.context_object import ContextObject
from harness.states_language.host_clock import NS, HostClock, Kind, order
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
)
from harness.states_language.recovery import CENTURY

if TYPE_CHECKING:
    from harness.states_language.execution import Execution
    from harness.states_language.state_entry import StateEntry, TaskAttempt

MOST_EVENTS = 25_000
"""AWS ends an execution whose history grows longer."""

EVENTS_OF_A_STATE = 2

RUNTIME = "States.Runtime"
TOO_LONG = f"the history has more than {MOST_EVENTS} events"


class StateFailed(Exception):
    """A state failed with an error name and a cause."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class Host(Protocol):
    """
    What executions are played in: the rest of the world, as they see it.

    Attributes:
        epoch: What the engine's time 0 is in UTC.
        machine: ``$$.StateMachine``.
    """

    clock: HostClock
    epoch: datetime
    machine: Mapping[str, str]

    @abstractmethod
    def transition(self, execution: "Execution", node: AnyNode) -> int:
        """Return how long it takes to enter a state [ns]."""

    @abstractmethod
    def work(self, attempt: "TaskAttempt") -> None:
        """Let somebody do the work of a Task's attempt; they call it back."""

    @abstractmethod
    def repeat(self) -> None:
        """Take note that a state is tried again, which costs a transition but no hop."""

    @abstractmethod
    def draw(self, purpose: str, walk: "Thread") -> float:
        """Return a random number in (0, 1) for one purpose; the next time it is asked, another one."""

    @abstractmethod
    def step(
        self,
        execution: "Execution",
        state: str,
        item: int,
        attempt: int,
        ready_at: int,
        started_at: int | None,
        finished_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        """Take down an attempt of a state: that it has ended, or that it never will."""

    @abstractmethod
    def caught(self, state: str, error: str, cause: str) -> None:
        """Take note that a state failed and a catcher answered."""

    @abstractmethod
    def ended(self, execution: "Execution") -> None:
        """Take note that an execution has ended."""


class Parent(Protocol):
    """Who sent a walk on its way, and is told of its end: exactly once, unless the walk was cancelled."""

    @abstractmethod
    def done(self, walk: "Thread", output: Any) -> None:
        """The flow has ended well."""

    @abstractmethod
    def failed(self, walk: "Thread", error: str, cause: str) -> None:
        """The flow has failed."""


class Thread:
    """
    One thread of control through one flow.

    Args:
        item: Index in the innermost Map, 0 outside of any.
        thread: Tells the iterations of nested Maps apart; the item where there is but one Map.
        index: Among those the parent has sent.
        map_item: The item, where the flow is a Map's processor.

    Attributes:
        key: Plus the number of a state, orders what the walk waits for.
        node: The state entered last.
        ahead: The state on the way to, with *data* as its input; None in a state and at the end.
    """

    __slots__ = (
        "ahead",
        "cancelled",
        "data",
        "entered_at",
        "execution",
        "going",
        "index",
        "item",
        "key",
        "map_item",
        "node",
        "parent",
        "program",
        "thread",
        "visit",
    )

    def __init__(
        self,
        execution: "Execution",
        program: Program,
        parent: Parent,
        item: int = 0,
        thread: int = 0,
        index: int = 0,
        map_item: Mapping[str, Any] | None = None,
    ) -> None:
        self.execution = execution
        self.program = program
        self.parent = parent
        self.item = item
        self.thread = thread
        self.index = index
        self.key = order(Kind.TIMER, execution.entity, item)
        self.map_item = map_item
        self.cancelled = False
        self.going = False
        self.ahead: AnyNode | None = None
        self.data: Any = None
        self.node: AnyNode | None = None
        self.entered_at = 0
        self.visit: StateEntry | None = None

    def start(self, data: Any) -> None:
        self.go(self.program.start_at, data)

    def cancel(self) -> None:
        """Go no further; work that is under way elsewhere is not waited for."""
        self.take_down(self.execution.host.clock.now, "ABORTED")
        self.cancelled = True
        if self.visit is not None:
            self.visit.cancel()

    def under_way(self) -> Iterator["Thread"]:
        """Yield this walk and those it waits for."""
        yield self
        if self.visit is not None and not self.visit.over:
            yield from self.visit.under_way()

    def go(self, name: str, data: Any) -> None:
        """
        Go on with a state, and with those after it as long as they take no time.

        Called while it goes already, by work that was done at once, it only takes note: a loop without
        time must not become a deep recursion.
        """
        self.ahead = self.program.nodes[name]
        self.data = data
        if not self.going:
            self._set_out()

    def leave(self, node: AnyNode, data: Any) -> None:
        """Leave a state with its output, and go on with the one after it if there is one."""
        if node.read_output is not None:
            try:
                data = self.read(node.read_output, data)
            except StateFailed as failure:
                self.fail(failure.error, failure.cause)
                return
        if node.next is None:
            self.parent.done(self, data)
        else:
            self.go(node.next, data)

    def fail(self, error: str, cause: str) -> None:
        """End the flow with an error."""
        self.parent.failed(self, error, cause)

    def read(self, reader: Reader, data: Any, place: str = RUNTIME) -> Any:
        """
        Read something from the data.

        Raises:
            StateFailed: There is no such thing; with the error name *place*.
        """
        try:
            return reader(data, self.context)
        except PathNotFound as error:
            raise StateFailed(place, self._told(error)) from None
        except IntrinsicFailure as error:
            raise StateFailed("States.IntrinsicFailure", self._told(error)) from None

    def context(self) -> ContextObject:
        """Return the context object, which paths beginning with ``$$`` read."""
        return ContextObject(self)

    def _set_out(self) -> None:
        execution = self.execution
        host = execution.host
        self.going = True
        while (node := self.ahead) is not None:
            delay = host.transition(execution, node)
            if delay > 0:
                host.clock.call_in(delay, self.key + node.index, self._arrive)
                break
            self._enter(node)
        self.going = False

    def _arrive(self, _: object) -> None:
        if self.cancelled:
            return
        assert self.ahead is not None  # noqa: S101 - it was on its way
        self.going = True
        self._enter(self.ahead)
        self.going = False
        if self.ahead is not None:
            self._set_out()

    def _enter(self, node: AnyNode) -> None:
        """Enter a state; if it takes no time, the next one is ahead then."""
        execution, data = self.execution, self.data
        self.node, self.ahead, self.visit = node, None, None
        self.entered_at = execution.host.clock.now
        execution.history += EVENTS_OF_A_STATE
        if execution.history > MOST_EVENTS:
            self.fail(RUNTIME, TOO_LONG)
            return
        try:
            if isinstance(node, CompiledWork):
                visit = self.visit = execution.visits[type(node)](self, node, data)
                visit.begin()
            else:
                self._pass_through(node, data)
        except StateFailed as failure:
            self._record(node, failure.error)
            self.fail(failure.error, failure.cause)

    def _pass_through(self, node: AnyNode, data: Any) -> None:
        """Play a state that does no work."""
        seen = data if node.read_input is None else self.read(node.read_input, data)
        match node:
            case CompiledChoice():
                chosen = self._choose(node, seen)
                output = seen if node.read_output is None else self.read(node.read_output, seen)
                self._record(node)
                self.go(chosen, output)
            case CompiledPass():
                result = seen if node.parameters is None else self.read(node.parameters, seen)
                assert node.place_result is not None  # noqa: S101 - every Pass has one
                placed = self.place(node.place_result, data, node.result if node.has_result else result)
                self._record(node)
                self.leave(node, placed)
            case CompiledWait():
                execution = self.execution
                execution.host.clock.call_in(
                    self._wait(node, seen), self.key + node.index, partial(self._waited, node, seen)
                )
            case CompiledSucceed():
                self._record(node)
                self.leave(node, seen)
            case CompiledFail():
                error, cause = self.read(node.error, seen), self.read(node.cause, seen)
                raise StateFailed(str(error or ""), str(cause or ""))

    def place(self, place_result: Callable[[Any, Any], Any], data: Any, result: Any) -> Any:
        """Put a result into the input, as ResultPath says."""
        try:
            return place_result(data, result)
        except PathNotFound as error:
            raise StateFailed("States.ResultPathMatchFailure", self._told(error)) from None

    def _told(self, error: Exception) -> str:
        """Say what is wrong; in a branch or an iteration also where: the execution fails in the fork."""
        if self.node is None or self is self.execution.root:
            return str(error)
        return f"{error}, in {self.node.name}"

    def _choose(self, node: CompiledChoice, data: Any) -> str:
        for test, target in node.rules:
            if self.read(test, data):
                return target
        if node.default is None:
            raise StateFailed("States.NoChoiceMatched", f"no rule of {node.name} holds")
        return node.default

    def _wait(self, node: CompiledWait, data: Any) -> int:
        if node.fixed is not None:
            return node.fixed
        if node.seconds is not None:
            seconds = self.read(node.seconds, data)
            if (
                isinstance(seconds, bool)
                or not isinstance(seconds, int | float)
                or not 0 <= seconds < CENTURY
            ):
                raise StateFailed(RUNTIME, f"{seconds!r} is no time to wait")
            return round(seconds * NS)
        assert node.until is not None  # noqa: S101 - one of the three is given
        text = self.read(node.until, data)
        until = instant(text) if isinstance(text, str) else None
        if until is None:
            raise StateFailed(RUNTIME, f"{text!r} is no instant to wait for")
        wait = until - (self.execution.host.epoch + timedelta(microseconds=self.entered_at // 1000))
        return max(0, round(wait / timedelta(microseconds=1)) * 1000)

    def _waited(self, node: CompiledWait, data: Any, _: object) -> None:
        if not self.cancelled:
            self._record(node)
            self.leave(node, data)

    def take_down(self, finished_at: int | None, outcome: str | None) -> None:
        """Take down what the walk is in the middle of, if it is: an attempt, or a state that does no work."""
        node, visit = self.node, self.visit
        if node is None or self.ahead is not None or self.cancelled:
            return
        number, ready_at = 1, self.entered_at
        started_at: int | None = self.entered_at
        if visit is not None:
            if visit.over or visit.ready_at is None:
                return
            number, ready_at, started_at = visit.number, visit.ready_at, visit.started_at
        host = self.execution.host
        host.step(
            self.execution, node.name, self.item, number, ready_at, started_at, finished_at, outcome, None
        )

    def _record(self, node: AnyNode, error: str | None = None) -> None:
        execution, at = self.execution, self.entered_at
        now = execution.host.clock.now
        outcome = "SUCCEEDED" if error is None else "FAILED"
        execution.host.step(execution, node.name, self.item, 1, at, at, now, outcome, error)
