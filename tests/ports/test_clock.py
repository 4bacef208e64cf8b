"""
The contract of `Clock`: the time in UTC that all processes of the service share.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.mysql.clock import READ_AFTER_S, MySQLClock
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.core.errors import Unavailable
from harness.service.core.ports.clock import Clock

HOUR = 3600


@pytest.fixture
def pool(database_url: str) -> Iterator[Pool]:
    pool = Pool(DatabaseAddress.parse(database_url), size=1)
    yield pool
    pool.close()


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.stack)])
def clock(request: pytest.FixtureRequest) -> Clock:
    if request.param == "memory":
        return ManualClock()
    return MySQLClock(request.getfixturevalue("pool"))


class TestContract:
    def test_the_instant_is_aware_and_in_utc(self, clock: Clock) -> None:
        """
        The time has a time zone: a naive datetime could be compared in the wrong zone.
        """
        assert clock.now().utcoffset() == timedelta(0)

    def test_time_does_not_run_backwards(self, clock: Clock) -> None:
        """
        A later call does not return an earlier time.
        """
        first, second = clock.now(), clock.now()

        assert first <= second

    def test_the_clock_of_the_machine_has_no_effect(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A machine whose clock is an hour fast stamps and compares the same time as the others.
        """
        before = clock.now()
        fast = datetime.now(UTC) + timedelta(hours=1)
        monkeypatch.setattr(time, "time", fast.timestamp)

        assert clock.now() - before < timedelta(minutes=30)


@pytest.mark.stack
class TestMySQLClock:
    def test_it_is_the_clock_of_the_server(self, pool: Pool) -> None:
        """
        Server and test run on one machine, so their clocks agree.
        """
        before = datetime.now(UTC)
        now = MySQLClock(pool).now()

        assert before - timedelta(seconds=1) < now < datetime.now(UTC) + timedelta(seconds=1)

    def test_between_two_reads_the_uptime_counts(self, pool: Pool) -> None:
        """
        The server is asked once a minute, not for every stamp.
        """
        uptime = [0.0]
        clock = MySQLClock(pool, uptime=lambda: uptime[0])
        first = clock.now()

        uptime[0] += READ_AFTER_S - 1
        assert clock.now() - first == timedelta(seconds=READ_AFTER_S - 1)
        uptime[0] += HOUR
        assert clock.now() - first < timedelta(seconds=READ_AFTER_S)

    def test_a_known_time_survives_an_outage(self, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Without an answer the uptime goes on counting; a clock that has never read has no time.
        """
        uptime = [0.0]
        clock = MySQLClock(pool, uptime=lambda: uptime[0])
        first = clock.now()

        def refuse() -> None:
            raise Unavailable("away")

        monkeypatch.setattr(pool, "session", refuse)
        uptime[0] += HOUR

        assert clock.now() - first == timedelta(hours=1)
        with pytest.raises(Unavailable):
            MySQLClock(pool).now()
