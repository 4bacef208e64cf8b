"""
Virtual time: delayed calls and tasks, one at a time, in an order that depends on nothing outside.

A task is ordinary blocking code, e.g. a use case. It runs in a thread of its own, but only while it has the
baton: when it sleeps or waits, it hands the baton back, and the next event runs. So exactly one thread runs
at any moment, and a run with the same events is the same run. Times are whole nanoseconds.
"""

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from harness.states_language.host import NS

Action = Callable[[], object]


class Killed(BaseException):
    """The process that runs the task has crashed; *process* has its name. No handler of errors catches it."""

    def __init__(self, process: object) -> None:
        super().__init__()
        self.process = process


@dataclass(slots=True, eq=False)
class RehearsedTask:
    """
    Blocking code in virtual time.

    Attributes:
        processes: The processes that the task is in: the function, and in it the API that it calls.
        error: The error that ended the task, if it was not caught.
        ticket: Number of the pause of the task; what wakes it for an earlier pause has no effect.
        interruption: An error that is raised when the task continues.
    """

    name: str
    work: Action
    processes: list[object] = field(default_factory=list)
    is_over: bool = False
    error: BaseException | None = None
    runner: "_Runner | None" = None
    ticket: int = 0
    interruption: BaseException | None = None


class _Runner:
    """A thread that runs one task after the other while it has the baton; *back* hands it to the clock."""

    def __init__(self, back: threading.Lock) -> None:
        self.go = _closed_lock()
        self.task: RehearsedTask | None = None
        self._back = back
        threading.Thread(target=self._run, daemon=True, name="rehearsed task").start()

    def _run(self) -> None:
        while True:
            self.go.acquire()
            task = self.task
            if task is None:
                return
            try:
                task.work()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 -- it is a defect, and kept
                task.error = error
            task.is_over = True
            self._back.release()


class Runners:
    """The threads of tasks, for one schedule after the other: to start a thread takes long."""

    def __init__(self) -> None:
        self.back = _closed_lock()
        self._idle: list[_Runner] = []

    def take(self) -> _Runner:
        return self._idle.pop() if self._idle else _Runner(self.back)

    def give_back(self, runner: _Runner) -> None:
        self._idle.append(runner)

    def close(self) -> None:
        """End the threads."""
        while self._idle:
            runner = self._idle.pop()
            runner.task = None
            runner.go.release()


class VirtualTime:
    """
    The clock, its events, and the task that runs now.

    Attributes:
        tasks: The tasks that have begun and not ended.
        unfinished: Their number, with those that have not begun.
        defects: The tasks that ended with an error.
    """

    def __init__(self, runners: Runners) -> None:
        self.now = 0
        self.current: RehearsedTask | None = None
        self.tasks: list[RehearsedTask] = []
        self.unfinished = 0
        self.defects: list[tuple[str, BaseException]] = []
        self._events: list[tuple[int, int, Action]] = []
        self._numbers = count()
        self._runners = runners
        self._back = runners.back

    @property
    def seconds(self) -> float:
        return self.now / NS

    def call_in(self, delay: int, action: Action) -> None:
        """Call *action* after *delay*; actions of one instant are called in the order of these calls."""
        heapq.heappush(self._events, (self.now + delay, next(self._numbers), action))

    def spawn(self, name: str, work: Action, delay: int = 0) -> RehearsedTask:
        """Start a task after *delay*."""
        task = RehearsedTask(name, work)
        self.unfinished += 1
        self.call_in(delay, lambda: self._begin(task))
        return task

    def run(self, until: int, is_over: Callable[[], bool]) -> None:
        """Run the events before *until*; *is_over* is asked after each."""
        events = self._events
        while events and events[0][0] <= until and not is_over():
            self.now, _, action = heapq.heappop(events)
            action()

    def close(self) -> None:
        """End all tasks."""
        for task in list(self.tasks):
            while not task.is_over:
                task.interruption = Killed(None)
                self._give_baton(task)
        self._events.clear()

    # Called by the task that runs now.

    def sleep(self, delay: int) -> None:
        """Let *delay* pass for the current task."""
        task = self._running_task()
        task.ticket += 1
        ticket = task.ticket
        self.call_in(delay, lambda: self._continue(task, ticket))
        self._hand_over(task)

    def wait(self, longest: int) -> bool:
        """Wait until `wake` is called for the current task; return False after *longest*."""
        until = self.now + longest
        self.sleep(longest)
        return self.now < until

    def wake(self, task: RehearsedTask) -> None:
        """Let a task that waits continue now."""
        ticket = task.ticket
        self.call_in(0, lambda: self._continue(task, ticket))

    def interrupt(self, task: RehearsedTask, error: BaseException) -> None:
        """Raise *error* in a task that sleeps or waits: it executes nothing else."""
        task.interruption = error
        self.wake(task)

    def _running_task(self) -> RehearsedTask:
        if self.current is None:
            raise RuntimeError("only a task can sleep")
        return self.current

    def _begin(self, task: RehearsedTask) -> None:
        runner = self._runners.take()
        runner.task, task.runner = task, runner
        self.tasks.append(task)
        self._give_baton(task)

    def _continue(self, task: RehearsedTask, ticket: int) -> None:
        if not task.is_over and task.ticket == ticket:
            task.ticket += 1
            self._give_baton(task)

    def _give_baton(self, task: RehearsedTask) -> None:
        before, self.current = self.current, task
        runner = task.runner
        assert runner is not None  # noqa: S101 - it has begun
        runner.go.release()
        self._back.acquire()
        self.current = before
        if task.is_over:
            self.tasks.remove(task)
            self.unfinished -= 1
            self._runners.give_back(runner)
            if task.error is not None:
                self.defects.append((task.name, task.error))

    def _hand_over(self, task: RehearsedTask) -> None:
        runner = task.runner
        assert runner is not None  # noqa: S101 - it has begun
        self._back.release()
        runner.go.acquire()
        if task.interruption is not None:
            error, task.interruption = task.interruption, None
            raise error


def _closed_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
