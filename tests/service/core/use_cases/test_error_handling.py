"""
A deadlock rolls one transaction back; its use case is tried a second time.
"""

import pytest

from harness.service.core.errors import Deadlock
from harness.service.core.use_cases.error_handling import retry_after_deadlock


class Victim:
    """A use case whose transaction is rolled back *times* times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.attempts = 0

    @retry_after_deadlock
    def __call__(self, name: str) -> str:
        self.attempts += 1
        if self.attempts <= self.times:
            raise Deadlock("db: Deadlock found")
        return f"{name} done"


def test_one_deadlock_is_not_seen_by_the_caller():
    """
    The second attempt has the arguments of the first.
    """
    victim = Victim(1)

    assert victim("complete") == "complete done"
    assert victim.attempts == 2


def test_two_deadlocks_are_unavailable():
    """
    There is no third attempt: the caller tries again later.
    """
    victim = Victim(2)

    with pytest.raises(Deadlock):
        victim("complete")
    assert victim.attempts == 2
