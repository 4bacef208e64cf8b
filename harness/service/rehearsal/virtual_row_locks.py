"""Row locks of tasks in virtual time, with the detection of deadlocks that InnoDB has."""

from collections.abc import Hashable

from harness.service.adapters.memory.row_locks import RowLocks
from harness.service.core.errors import Deadlock, Unavailable
from harness.service.rehearsal.virtual_time import RehearsedTask, VirtualTime
from harness.states_language.host import nanoseconds

LOCK_TIMEOUT = 5.0
"""How long a transaction waits for a lock [s]."""


class VirtualRowLocks(RowLocks):
    """Locks by name; a task that waits for one hands over to the others."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__(timeout=LOCK_TIMEOUT)
        self._time = time
        self._holders: dict[Hashable, object] = {}
        self._wanted: dict[object, Hashable] = {}
        self._waiting: dict[Hashable, list[RehearsedTask]] = {}

    def acquire(self, owner: object, name: Hashable) -> None:
        until = self._time.now + nanoseconds(LOCK_TIMEOUT)
        while self._holders.setdefault(name, owner) is not owner:
            self._must_not_wait_in_a_circle(owner, name)
            self._wait(owner, name, until - self._time.now)

    def release(self, owner: object) -> None:
        for name in [name for name, holder in self._holders.items() if holder is owner]:
            del self._holders[name]
            for task in self._waiting.pop(name, ()):
                self._time.wake(task)

    def _wait(self, owner: object, name: Hashable, longest: int) -> None:
        task = self._time.current
        if task is None or longest <= 0:
            raise Unavailable(f"The lock of {name} was not free for {LOCK_TIMEOUT} s.")
        self._wanted[owner] = name
        self._waiting.setdefault(name, []).append(task)
        try:
            self._time.wait(longest)
        finally:
            del self._wanted[owner]
            if task in self._waiting.get(name, ()):
                self._waiting[name].remove(task)

    def _must_not_wait_in_a_circle(self, owner: object, name: Hashable) -> None:
        holder = self._holders.get(name)
        while holder is not None and holder in self._wanted:
            holder = self._holders.get(self._wanted[holder])
            if holder is owner:
                raise Deadlock(f"Two transactions wait for each other; one of them for {name}.")
