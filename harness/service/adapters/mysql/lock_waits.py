"""How many transactions of this process may wait for the same row lock."""

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from harness.service.core.errors import Unavailable


class LockWaits:
    """
    The transactions that wait, by lock. Without a limit, one locked row would take every thread and
    connection of the process, and requests that do not need the row would wait too.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._mutex = threading.Lock()
        self._waiting: Counter[Hashable] = Counter()

    @contextmanager
    def place(self, lock: Hashable) -> Iterator[None]:
        """Wait for *lock* in this block; raise `Unavailable` at once if too many wait already."""
        with self._mutex:
            if self._waiting[lock] >= self._limit:
                raise Unavailable(f"{self._limit} requests already wait for {lock}; try again.")
            self._waiting[lock] += 1
        try:
            yield
        finally:
            with self._mutex:
                self._waiting[lock] -= 1
                if not self._waiting[lock]:
                    del self._waiting[lock]
