"""
The row locks of transactions in virtual time.
"""

from contextlib import closing

import pytest

from harness.service.core.errors import Deadlock, Unavailable
from harness.service.rehearsal.virtual_row_locks import LOCK_TIMEOUT, VirtualRowLocks
from harness.service.rehearsal.virtual_time import Runners, VirtualTime
from harness.states_language.host import NS


@pytest.fixture
def time():
    with closing(Runners()) as runners, closing(VirtualTime(runners)) as clock:
        yield clock


def test_a_transaction_waits_until_the_holder_ends(time):
    """
    Then it goes on at that moment.
    """
    locks, seen = VirtualRowLocks(time), []

    def work(owner, hold):
        locks.acquire(owner, "row")
        seen.append((owner, time.seconds))
        time.sleep(hold * NS)
        locks.release(owner)

    time.spawn("first", lambda: work("first", 3))
    time.spawn("second", lambda: work("second", 1))
    time.run(100 * NS, lambda: False)

    assert seen == [("first", 0), ("second", 3)]


def test_a_lock_that_stays_taken_is_unavailable(time):
    """
    After the time-out of the database, not later.
    """
    locks, seen = VirtualRowLocks(time), []
    time.spawn("holder", lambda: locks.acquire("holder", "row"))

    def work():
        with pytest.raises(Unavailable):
            locks.acquire("other", "row")
        seen.append(time.seconds)

    time.spawn("other", work)
    time.run(100 * NS, lambda: False)

    assert seen == [LOCK_TIMEOUT]


def test_two_that_wait_for_each_other_are_a_deadlock(time):
    """
    The one that closes the circle is rolled back at once, and the other one goes on.
    """
    locks, seen = VirtualRowLocks(time), []

    def work(owner, first, second):
        try:
            locks.acquire(owner, first)
            time.sleep(NS)
            locks.acquire(owner, second)
            seen.append((owner, "both", time.seconds))
        except Deadlock:
            seen.append((owner, "deadlock", time.seconds))
        finally:
            locks.release(owner)

    time.spawn("a", lambda: work("a", "x", "y"))
    time.spawn("b", lambda: work("b", "y", "x"))
    time.run(100 * NS, lambda: False)

    assert seen == [("b", "deadlock", 1), ("a", "both", 1)]
