"""
One visit to a state that works: Task, Parallel or Map, with its attempts, retries and catchers.

Times are nanoseconds of the engine's clock.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from harness.states_language.host_clock import NS, Deadline, Kind, order
from harness.states_language.machine import INLINE_CONCURRENCY
from harness.states_language.program import CompiledMap, CompiledParallel, CompiledTask
from harness.states_language.recovery import CENTURY
from harness.states_language.thread import MOST_EVENTS, RUNTIME, TOO_LONG, Parent, StateFailed, Thread

EVENTS_OF_AN_ATTEMPT = 3

MOST_ITEMS = 1 << 20
"""More than an array of 256 KiB has."""


class StateEntry:
    """
    What the three have in common.

    Attributes:
        number: Of the attempt under way, from 1.
        ready_at: When it could begin: on entering, or when the back-off was over; None during one.
        started_at: When somebody began to work on it; None as long as nobody has.
        attempt: What a Task's work is waited for by; None before somebody was given it, and in a fork.
    """

    __slots__ = ("attempt", "data", "node", "number", "over", "ready_at", "retries", "started_at", "walk")

    def __init__(self, walk: Thread, node: CompiledTask | CompiledParallel | CompiledMap, data: Any) -> None:
        self.walk = walk
        self.node = node
        self.data = data
        self.number = 0
        self.ready_at: int | None = walk.entered_at
        self.started_at: int | None = None
        self.retries: list[int] | None = None
        self.over = False
        self.attempt: TaskAttempt | None = None

    def begin(self) -> None:
        """Begin the next attempt."""
        self.number += 1
        self.started_at = None
        execution = self.walk.execution
        execution.history += EVENTS_OF_AN_ATTEMPT
        if self.number > 1:
            execution.host.repeat()
        try:
            if execution.history > MOST_EVENTS:
                raise StateFailed(RUNTIME, TOO_LONG)
            data = self.data
            if self.node.read_input is not None:
                data = self.walk.read(self.node.read_input, data)
            self._work(data)
        except StateFailed as failure:
            self.fail(failure.error, failure.cause)

    @abstractmethod
    def _work(self, data: Any) -> None:
        """Have the work done; somebody calls `succeed` or `fail`."""

    def cancel(self) -> None:
        self.over = True

    def under_way(self) -> Iterator[Thread]:
        """Yield the walks this visit waits for."""
        yield from ()

    def succeed(self, result: Any) -> None:
        """The attempt under way has ended well."""
        walk, node = self.walk, self.node
        try:
            if node.selector is not None:
                result = walk.read(node.selector, result, "States.ParameterPathFailure")
            assert node.place_result is not None  # noqa: S101 - every working state has one
            placed = walk.place(node.place_result, self.data, result)
        except StateFailed as failure:
            self.fail(failure.error, failure.cause)
            return
        self.over = True
        self._record(None)
        # Nothing may point in circles: a day's garbage would pile up while the collector is off.
        walk.visit = None
        walk.leave(node, placed)

    def fail(self, error: str, cause: str) -> None:
        """The attempt under way has failed: try again, catch, or fail the flow."""
        self._record(error)
        delay = self._back_off(error)
        if delay is not None:
            self.walk.execution.host.clock.call_in(delay, self.walk.key + self.node.index, self._again)
            self.ready_at = None
            return
        self.over = True
        walk = self.walk
        for catcher, place in self.node.catch:
            if _answers(catcher, error):
                walk.execution.host.caught(self.node.name, error, cause)
                try:
                    data = walk.place(place, self.data, {"Error": error, "Cause": cause})
                except StateFailed as failure:
                    walk.fail(failure.error, failure.cause)
                    return
                walk.go(catcher.next, data)
                return
        walk.fail(error, cause)

    def _again(self, _: object) -> None:
        if not self.over:
            self.ready_at = self.walk.execution.host.clock.now
            self.begin()

    def _back_off(self, error: str) -> int | None:
        """Return how long to pause before the next attempt [ns]; None if there is none."""
        for position, retrier in enumerate(self.node.retry):
            if not _answers(retrier, error):
                continue
            if self.retries is None:
                self.retries = [0] * len(self.node.retry)
            if self.retries[position] >= retrier.max_attempts:
                return None
            self.retries[position] += 1
            delay = retrier.delay(self.retries[position])
            if retrier.full_jitter:
                delay *= self.walk.execution.host.draw("jitter", self.walk)
            return round(delay * NS)
        return None

    def _record(self, error: str | None) -> None:
        walk = self.walk
        host = walk.execution.host
        assert self.ready_at is not None  # noqa: S101 - an attempt is under way
        host.step(
            walk.execution,
            self.node.name,
            walk.item,
            self.number,
            self.ready_at,
            self.started_at,
            host.clock.now,
            "SUCCEEDED" if error is None else "FAILED",
            error,
        )


class TaskEntry(StateEntry):
    """A visit to a Task."""

    __slots__ = ()

    node: CompiledTask

    def _work(self, data: Any) -> None:
        walk, node = self.walk, self.node
        payload = data
        if node.parameters is not None:
            payload = walk.read(node.parameters, data, "States.ParameterPathFailure")
        host = walk.execution.host
        timeout, heartbeat = node.timeout, node.heartbeat
        if callable(timeout):
            timeout = _limit(walk.read(timeout, data), "TimeoutSecondsPath")
        if callable(heartbeat):
            heartbeat = _limit(walk.read(heartbeat, data), "HeartbeatSecondsPath")
        deadline = None if timeout is None else host.clock.now + timeout
        attempt = self.attempt = TaskAttempt(self, payload, deadline, heartbeat)
        host.work(attempt)

    def cancel(self) -> None:
        self.over = True
        if self.attempt is not None:
            self.attempt.close()
            self.attempt = None


class TaskAttempt:
    """
    One attempt of a Task, as the one sees it who does the work.

    Attributes:
        payload: What the work is given.
        thread: Tells it from the same state's attempts in other iterations, for draws.
        deadline: When the state gives up [ns]; None if never.
        heartbeat: How long the state waits for a sign of life [ns].
        is_open: False once it does not matter any more: timed out, or its branch was stopped.
    """

    __slots__ = (
        "deadline", "execution", "heartbeat", "is_open", "item", "limits", "node", "number", "payload",
        "thread", "visit",
    )  # fmt: skip

    def __init__(self, visit: TaskEntry, payload: Any, deadline: int | None, heartbeat: int | None) -> None:
        self.visit = visit
        self.number = visit.number
        self.node = visit.node
        self.item = visit.walk.item
        self.thread = visit.walk.thread
        self.execution: Any = visit.walk.execution
        self.payload = payload
        self.deadline = deadline
        self.heartbeat = heartbeat
        self.is_open = True
        self.limits: list[Deadline] | None = None

    def begun(self) -> None:
        """Somebody begins to work on it now."""
        if self.is_open:
            self.visit.started_at = self.execution.host.clock.now

    def succeed(self, result: Any) -> None:
        if self.is_open:
            self.close()
            self.visit.attempt = None
            self.visit.succeed(result)

    def fail(self, error: str, cause: str = "") -> None:
        if self.is_open:
            self.close()
            self.visit.attempt = None
            self.visit.fail(error, cause)

    def close(self) -> None:
        """It does not matter any more."""
        self.is_open = False
        for limit in self.limits or ():
            limit.call_off()

    def guard(self, until: int | None = None) -> None:
        """
        See to it that the attempt ends at its deadline, if it would go on until after it.

        Args:
            until: When the work will have ended [ns]; None if that is not known yet.
        """
        if self.deadline is not None and (until is None or until > self.deadline):
            left = self.deadline - self.execution.host.clock.now
            self.fail_in(left, "States.Timeout", "the task took longer than it may")

    def fail_in(self, delay: int, error: str, cause: str) -> None:
        """See to it that the attempt fails then, unless it has ended before."""
        key = order(Kind.DEADLINE, self.execution.entity, self.item, self.number)
        limit = self.execution.host.clock.deadline_in(delay, key, partial(self.fail, error, cause))
        self.limits = [*(self.limits or ()), limit]


class ForkEntry(StateEntry, Parent):
    """A visit to a Parallel or a Map: several walks at once, all of which must end well."""

    __slots__ = ("children", "effective", "left", "limit", "outputs", "running", "starting", "waiting")

    def __init__(self, walk: Thread, node: CompiledParallel | CompiledMap, data: Any) -> None:
        super().__init__(walk, node, data)
        self.children: list[Thread | None] = []

    def _work(self, data: Any) -> None:
        self.started_at = self.ready_at
        self.effective = data
        self.children = []
        self.running = 0
        self.starting = False
        if isinstance(self.node, CompiledParallel):
            given = data if self.node.parameters is None else self.walk.read(self.node.parameters, data)
            self.waiting: list[Any] = [given] * len(self.node.branches)
            self.limit = len(self.waiting)
        else:
            self.waiting = self._items(data)
            self.limit = self._limit(data)
        self.left = len(self.waiting)
        self.outputs: list[Any] = [None] * self.left
        self._start_more()

    def cancel(self) -> None:
        self.over = True
        self._stop_children()

    def under_way(self) -> Iterator[Thread]:
        for child in self.children:
            if child is not None and not child.cancelled:
                yield from child.under_way()

    def _items(self, data: Any) -> list[Any]:
        assert isinstance(self.node, CompiledMap)  # noqa: S101 - the other kind has branches
        items = self.walk.read(self.node.items, data)
        if not isinstance(items, list):
            raise StateFailed(RUNTIME, f"the items of {self.node.name} are no array")
        return items

    def _limit(self, data: Any) -> int:
        assert isinstance(self.node, CompiledMap)  # noqa: S101 - the other kind has branches
        limit = self.walk.read(self.node.max_concurrency, data)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise StateFailed(RUNTIME, f"{limit!r} is no MaxConcurrency")
        return min(limit, INLINE_CONCURRENCY) or INLINE_CONCURRENCY

    def _start_more(self) -> None:
        # A child that takes no time ends while it is started: this loop goes on, not a deeper one.
        if self.starting:
            return
        self.starting = True
        number = self.number
        while not self.over and self.number == number and self.running < self.limit:
            index = len(self.children)
            if index >= len(self.waiting):
                break
            self.running += 1
            child = self._child(index)
            self.children.append(child)
            try:
                child.start(self._input(index, child))
            except StateFailed as failure:
                self.failed(child, failure.error, failure.cause)
        self.starting = False
        if self.left == 0 and not self.over and self.number == number:
            self.left = -1
            self.succeed(self.outputs)

    def _child(self, index: int) -> Thread:
        walk, node = self.walk, self.node
        if isinstance(node, CompiledMap):
            item = {"Index": index, "Value": self.waiting[index]}
            thread = index if walk.map_item is None else (walk.thread + 1) * MOST_ITEMS + index
            return Thread(walk.execution, node.processor, self, index, thread, index, item)
        assert isinstance(node, CompiledParallel)  # noqa: S101 - a fork is one of the two
        branch = node.branches[index]
        return Thread(walk.execution, branch, self, walk.item, walk.thread, index, walk.map_item)

    def _input(self, index: int, child: Thread) -> Any:
        if isinstance(self.node, CompiledMap) and self.node.parameters is not None:
            child.node, child.entered_at = self.node, self.walk.entered_at
            return child.read(self.node.parameters, self.effective, "States.ParameterPathFailure")
        return self.waiting[index]

    def done(self, walk: Thread, output: Any) -> None:
        if walk.cancelled:
            return
        self.outputs[walk.index] = output
        self.children[walk.index] = None
        self.running -= 1
        self.left -= 1
        self._start_more()

    def failed(self, walk: Thread, error: str, cause: str) -> None:
        if walk.cancelled:
            return
        self.children[walk.index] = None
        self._stop_children()
        self.waiting, self.left = [], -1
        self.fail(error, cause)

    def _stop_children(self) -> None:
        for child in self.children:
            if child is not None:
                child.cancel()


VISITS: Mapping[type, Callable[[Thread, Any, Any], StateEntry]] = {
    CompiledTask: TaskEntry,
    CompiledParallel: ForkEntry,
    CompiledMap: ForkEntry,
}
"""What a visit to each kind of state that works is."""


def _limit(seconds: Any, field: str) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < CENTURY:
        raise StateFailed(RUNTIME, f"{field} leads to {seconds!r}, which is no number of seconds")
    return round(seconds * NS)


def _answers(rule: Any, error: str) -> bool:
    """Whether a retrier or catcher answers an error; a missed heartbeat is a time-out too."""
    if error == RUNTIME:
        # Not retriable, and not to be caught, even by its name.
        return False
    return rule.matches(error) or (error == "States.HeartbeatTimeout" and rule.matches("States.Timeout"))
