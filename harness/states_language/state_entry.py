"""
An entered Task, Parallel or Map, with its attempts, retries and catchers.

Times are nanoseconds of the host's clock.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from harness.states_language.branch import (
    EVENTS_MAX,
    HISTORY_TOO_LONG,
    RUNTIME,
    Branch,
    Parent,
    StateFailed,
    WorkEntry,
    is_number,
)
from harness.states_language.host import AttemptOwner, TaskAttempt, nanoseconds
from harness.states_language.machine import INLINE_CONCURRENCY
from harness.states_language.paths import Reader
from harness.states_language.program import CompiledMap, CompiledParallel, CompiledTask, Program
from harness.states_language.recovery import CENTURY

EVENTS_OF_AN_ATTEMPT = 3

ITEMS_MAX = 1 << 20
"""More items than an array of 256 KiB can have."""

PARAMETER_PATH = "States.ParameterPathFailure"


class StateEntry(WorkEntry):
    """The part that Task, Parallel and Map have in common."""

    __slots__ = ("_retries", "branch", "data", "is_over", "node", "ready_at", "started_at")

    node: CompiledTask | CompiledParallel | CompiledMap

    def __init__(
        self, branch: Branch, node: CompiledTask | CompiledParallel | CompiledMap, data: Any
    ) -> None:
        self.branch = branch
        self.node = node
        self.data = data
        self.ready_at: int | None = branch.entered_at
        self.started_at: int | None = None
        self.is_over = False
        self._retries: list[int] | None = None

    def begin(self) -> None:
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
        """
        Start the work, which calls `succeed` or `fail` at its end.

        Raises:
            StateFailed: The work could not be started.
        """

    def cancel(self) -> None:
        self.is_over = True

    def in_progress(self) -> Iterator[Branch]:
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
        delay = self._back_off(error)
        if delay is not None:
            branch.host.call_in(delay, branch, self.node, self._retry)
            self.ready_at = None
            return
        self.is_over = True
        for catcher, place in self.node.catch:
            if catcher.matches(error):
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
        """Return the pause before the next attempt [ns]; None if there is none."""
        for position, retrier in enumerate(self.node.retry):
            if not retrier.matches(error):
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


class TaskEntry(StateEntry, AttemptOwner):
    """An entered Task."""

    __slots__ = ("_attempt",)

    node: CompiledTask

    def __init__(self, branch: Branch, node: CompiledTask, data: Any) -> None:
        super().__init__(branch, node, data)
        self._attempt: TaskAttempt | None = None

    def _work(self, data: Any) -> None:
        branch, node = self.branch, self.node
        payload = data if node.parameters is None else branch.read(node.parameters, data, PARAMETER_PATH)
        timeout = self._limit(node.timeout, data, "TimeoutSecondsPath")
        heartbeat = self._limit(node.heartbeat, data, "HeartbeatSecondsPath")
        deadline = None if timeout is None else branch.host.now + timeout
        self._attempt = TaskAttempt(branch.host, self, branch, node, payload, deadline, heartbeat)
        branch.host.work(self._attempt)

    def _limit(self, reader: Reader | None, data: Any, field: str) -> int | None:
        """Return a time-out [ns]."""
        if reader is None:
            return None
        seconds = self.branch.read(reader, data)
        if not is_number(seconds) or not 0 < seconds < CENTURY:
            raise StateFailed(
                RUNTIME, f"{field} leads to {seconds!r}, which is not a valid number of seconds"
            )
        return nanoseconds(seconds)

    def work_begun(self) -> None:
        self.started_at = self.branch.host.now

    def succeed(self, result: Any) -> None:
        self._attempt = None
        super().succeed(result)

    def fail(self, error: str, cause: str) -> None:
        self._attempt = None
        super().fail(error, cause)

    def cancel(self) -> None:
        self.is_over = True
        if self._attempt is not None:
            self._attempt.close()
            self._attempt = None


class ForkEntry(StateEntry, Parent):
    """An entered Parallel or Map: it succeeds if all its branches succeed."""

    __slots__ = (
        "_children", "_inputs", "_is_starting", "_limit", "_outputs", "_running", "_selector_input",
        "_unfinished",
    )  # fmt: skip

    node: CompiledParallel | CompiledMap

    def __init__(self, branch: Branch, node: CompiledParallel | CompiledMap, data: Any) -> None:
        super().__init__(branch, node, data)
        self._children: list[Branch | None] = []
        self._is_starting = False

    def _work(self, data: Any) -> None:
        node, branch = self.node, self.branch
        self.started_at = branch.host.now
        self._children = []
        self._running = 0
        self._selector_input = data
        if isinstance(node, CompiledParallel):
            data = data if node.parameters is None else branch.read(node.parameters, data)
            self._inputs: list[Any] = [data] * len(node.branches)
            self._limit = len(self._inputs)
        else:
            self._inputs = self._items(node, data)
            self._limit = self._concurrency(node, data)
        self._unfinished = len(self._inputs)
        self._outputs: list[Any] = [None] * self._unfinished
        self._start_more()

    def cancel(self) -> None:
        self.is_over = True
        self._cancel_children()

    def in_progress(self) -> Iterator[Branch]:
        for child in self._children:
            if child is not None and not child.cancelled:
                yield from child.in_progress()

    def _items(self, node: CompiledMap, data: Any) -> list[Any]:
        items = self.branch.read(node.items, data)
        if not isinstance(items, list):
            raise StateFailed(RUNTIME, f"ItemsPath of {node.name} does not lead to an array")
        return items

    def _concurrency(self, node: CompiledMap, data: Any) -> int:
        limit = self.branch.read(node.max_concurrency, data)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise StateFailed(RUNTIME, f"{limit!r} is not a valid MaxConcurrency")
        return min(limit, INLINE_CONCURRENCY) or INLINE_CONCURRENCY

    def _start_more(self) -> None:
        # A child that takes no time ends while it is started: then this loop continues, not a deeper one.
        if self._is_starting:
            return
        self._is_starting = True
        number = self.branch.number
        while not self.is_over and self.branch.number == number and self._running < self._limit:
            index = len(self._children)
            if index >= len(self._inputs):
                break
            self._running += 1
            child = self._child(index)
            self._children.append(child)
            try:
                child.start(self._input(index, child))
            except StateFailed as failure:
                self.failed(child, failure.error, failure.cause)
        self._is_starting = False
        if self._unfinished == 0 and not self.is_over and self.branch.number == number:
            self._unfinished = -1
            self.succeed(self._outputs)

    def _child(self, index: int) -> Branch:
        branch, node = self.branch, self.node
        program: Program
        map_item: Mapping[str, Any] | None
        if isinstance(node, CompiledMap):
            program, item = node.processor, index
            thread = index if branch.map_item is None else (branch.thread + 1) * ITEMS_MAX + index
            map_item = {"Index": index, "Value": self._inputs[index]}
        else:
            program, item, thread = node.branches[index], branch.item, branch.thread
            map_item = branch.map_item
        return Branch(
            branch.host, branch.execution, program, self, branch.make_entry, item, thread, index, map_item
        )

    def _input(self, index: int, child: Branch) -> Any:
        if isinstance(self.node, CompiledMap) and self.node.parameters is not None:
            child.node, child.entered_at = self.node, self.branch.entered_at
            return child.read(self.node.parameters, self._selector_input, PARAMETER_PATH)
        return self._inputs[index]

    def succeeded(self, branch: Branch, output: Any) -> None:
        if branch.cancelled:
            return
        self._outputs[branch.index] = output
        self._children[branch.index] = None
        self._running -= 1
        self._unfinished -= 1
        self._start_more()

    def failed(self, branch: Branch, error: str, cause: str) -> None:
        if branch.cancelled:
            return
        self._children[branch.index] = None
        self._cancel_children()
        self._inputs, self._unfinished = [], -1
        self.fail(error, cause)

    def _cancel_children(self) -> None:
        for child in self._children:
            if child is not None:
                child.cancel()


def make_entry(branch: Branch, node: Any, data: Any) -> StateEntry:
    """Return the entry of a Task, Parallel or Map."""
    return (TaskEntry if isinstance(node, CompiledTask) else ForkEntry)(branch, node, data)
