"""
The contract of `Clock`: the current time in UTC.
"""

from datetime import UTC, datetime, timedelta

import pytest

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.system.clock import SystemClock


@pytest.fixture(params=[ManualClock, SystemClock], ids=["memory", "system"])
def clock(request):
    return request.param()


def test_the_instant_is_aware_and_in_utc(clock):
    """
    The time has a time zone: a naive datetime could be compared in the wrong zone.
    """
    assert clock.now().utcoffset() == timedelta(0)


def test_time_does_not_run_backwards(clock):
    """
    A later call does not return an earlier time.
    """
    first, second = clock.now(), clock.now()

    assert first <= second


def test_the_system_clock_tells_the_present():
    """
    The system clock returns the time of the machine.
    """
    before = datetime.now(UTC)

    assert before <= SystemClock().now() <= datetime.now(UTC)
