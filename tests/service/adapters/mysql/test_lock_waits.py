"""
Transactions that want the same row lock: they queue while it moves, and are refused when it does not.
"""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest

from harness.service.adapters.mysql.lock_waits import LockWaits
from harness.service.core.errors import Unavailable


class RowLock:
    """A lock of the database: a transaction waits for it in its place, and holds it after that."""

    def __init__(self, waits: LockWaits) -> None:
        self.waits = waits
        self.row = threading.Lock()

    def use(self) -> None:
        with self.waits.place("row"):
            self.row.acquire()
        self.row.release()


def test_a_burst_queues() -> None:
    """
    Fifty transactions are more than the two that may wait, but each gets the lock soon.
    """
    lock = RowLock(LockWaits(2, patience=60))

    with ThreadPoolExecutor(50) as threads:
        for done in [threads.submit(lock.use) for _ in range(50)]:
            done.result(timeout=30)


def test_a_lock_that_does_not_move_refuses_all_beyond_the_limit() -> None:
    """
    The first is refused after the patience, later ones at once; those in their places still get the lock.
    """
    lock = RowLock(LockWaits(2, patience=0.2))

    with ThreadPoolExecutor(5) as threads, lock.row:
        using = [threads.submit(lock.use) for _ in range(5)]
        refused = list(itertools.islice(as_completed(using, timeout=30), 3))
        began_at = time.monotonic()
        with pytest.raises(Unavailable, match="2 requests already wait for row; try again"):
            lock.use()
        took = time.monotonic() - began_at

    assert {type(one.exception()) for one in refused} == {Unavailable}
    assert sum(one.exception() is None for one in using) == 2
    assert took < 0.2


def test_other_locks_are_not_affected() -> None:
    """
    The limit is one of each lock.
    """
    waits = LockWaits(1, patience=0)

    with waits.place("row"), waits.place("another"), pytest.raises(Unavailable), waits.place("row"):
        pass
