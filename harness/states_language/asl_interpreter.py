"""The interpreter of the Amazon States Language: it runs one execution on a host. Times are nanoseconds."""

from collections.abc import Iterator
from typing import Any

from harness.states_language.branch import PARAMETER_PATH, RUNTIME, Branch, Parent, StateEntry, StateFailed
from harness.states_language.execution import Execution, Status
from harness.states_language.host import AttemptOwner, Host, TaskAttempt, nanoseconds
from harness.states_language.json_node import is_number
from harness.states_language.machine import INLINE_CONCURRENCY
from harness.states_language.paths import Reader
from harness.states_language.program import CompiledMap, CompiledParallel, CompiledTask, Program
from harness.states_language.recovery import CENTURY

ITEMS_MAX = 1 << 20
"""More items than an array of 256 KiB can have."""


class Interpreter(Parent):
    """
    The run of one execution; see `harness.states_language.host` for an example.

    A time limit of the state machine is the host's: it calls `time_out` when the limit has passed.
    """

    __slots__ = ("_branch", "execution", "host")

    def __init__(self, host: Host, program: Program, execution: Execution) -> None:
        self.host = host
        self.execution = execution
        execution.started_at = host.now
        self._branch: Branch | None = Branch(
            execution, host=host, program=program, parent=self, make_entry=make_entry, is_main=True
        )

    def start(self) -> None:
        """Enter the first state, unless the execution has timed out already."""
        if self._branch is not None:
            self._branch.start(self.execution.input)

    def time_out(self) -> None:
        """End the execution because its time limit has passed."""
        if self._branch is not None:
            self._branch.cancel()
            self._end(Status.TIMED_OUT, "States.Timeout", "the execution took longer than its time limit")

    def record_unfinished(self) -> None:
        """Record the states that the execution is in."""
        for branch in self._branch.in_progress() if self._branch is not None else ():
            branch.record_unfinished(None, None)

    def succeeded(self, branch: Branch, output: Any) -> None:
        del branch
        self.execution.output = output
        self._end(Status.SUCCEEDED)

    def failed(self, branch: Branch, error: str, cause: str) -> None:
        self.execution.failed_state = None if branch.node is None else branch.node.name
        self._end(Status.FAILED, error, cause)

    def _end(self, status: Status, error: str | None = None, cause: str | None = None) -> None:
        execution = self.execution
        execution.status, execution.error, execution.cause = status, error, cause
        # Without reference cycles memory is freed at once: the simulator turns the garbage collector off.
        self._branch = None
        self.host.ended(execution)


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
        if reader is None:
            return None
        seconds = self.branch.read(reader, data)
        if not is_number(seconds) or not 0 < seconds < CENTURY:
            problem = f"{field} leads to {seconds!r}, which is not a valid number of seconds"
            raise StateFailed(RUNTIME, problem)
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
            if node.parameters is not None:
                data = branch.read(node.parameters, data, PARAMETER_PATH)
            self._inputs: list[Any] = [data] * len(node.branches)
            self._limit = len(self._inputs)
        else:
            self._inputs, self._limit = self._read_map(node, data)
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

    def _read_map(self, node: CompiledMap, data: Any) -> tuple[list[Any], int]:
        """Return the items and the highest number of iterations at a time."""
        items, limit = self.branch.read(node.items, data), self.branch.read(node.max_concurrency, data)
        if not isinstance(items, list):
            raise StateFailed(RUNTIME, f"ItemsPath of {node.name} does not lead to an array")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise StateFailed(RUNTIME, f"{limit!r} is not a valid MaxConcurrency")
        return items, min(limit, INLINE_CONCURRENCY) or INLINE_CONCURRENCY

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
        item, thread, map_item = branch.item, branch.thread, branch.map_item
        if isinstance(node, CompiledParallel):
            program = node.branches[index]
        else:
            program, item, map_item = node.processor, index, {"Index": index, "Value": self._inputs[index]}
            thread = index if branch.map_item is None else (branch.thread + 1) * ITEMS_MAX + index
        return Branch(
            branch.execution,
            item,
            thread,
            map_item,
            host=branch.host,
            program=program,
            parent=self,
            make_entry=make_entry,
            index=index,
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
