"""
The contract of `Clock`: the present, in UTC.
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
    Naive datetimes would be compared with the wrong zone sooner or later.
    """
    assert clock.now().utcoffset() == timedelta(0)


def test_time_does_not_run_backwards(clock):
    """
    A later question never gets an earlier answer.
    """
    first, second = clock.now(), clock.now()

    assert first <= second


def test_the_system_clock_tells_the_present():
    """
    It is the machine's own time.
    """
    before = datetime.now(UTC)

    assert before <= SystemClock().now() <= datetime.now(UTC)
