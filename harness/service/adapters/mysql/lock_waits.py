"""How many transactions of this process may wait for the same row lock. Times in seconds."""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.service.core.errors import Unavailable

PATIENCE_S = 1.0


@dataclass(slots=True)
class _Lock:
    """A lock that transactions want: how many, how many of them wait for it, and when it was got last."""

    got_at: float
    wanted: int = 0
    waiting: int = 0


class LockWaits:
    """
    The transactions that wait, by lock. Without a limit, one locked row would take every thread and
    connection of the process, and requests that do not need the row would wait too.

    Beyond *limit* transactions wait for a place, as long as the others get the lock one after the other. If
    none has got it for *patience*, they are refused: somebody holds it for long.
    """

    def __init__(
        self,
        limit: int,
        *,
        patience: float = PATIENCE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._patience = patience
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._locks: dict[Hashable, _Lock] = {}

    @contextmanager
    def place(self, lock: Hashable) -> Iterator[None]:
        """Wait for *lock* in this block; raise `Unavailable` if too many wait already, and none gets it."""
        with self._changed:
            wanted = self._locks.setdefault(lock, _Lock(self._monotonic()))
            wanted.wanted += 1
        try:
            self._take_place(wanted, lock)
            try:
                yield
                wanted.got_at = self._monotonic()
            finally:
                self._leave_place(wanted)
        finally:
            with self._changed:
                wanted.wanted -= 1
                if not wanted.wanted:
                    del self._locks[lock]

    def _take_place(self, wanted: _Lock, lock: Hashable) -> None:
        with self._changed:
            while wanted.waiting >= self._limit:
                left = wanted.got_at + self._patience - self._monotonic()
                if left <= 0:
                    raise Unavailable(f"{self._limit} requests already wait for {lock}; try again.")
                self._changed.wait(left)
            wanted.waiting += 1

    def _leave_place(self, wanted: _Lock) -> None:
        with self._changed:
            wanted.waiting -= 1
            self._changed.notify_all()
