"""
The clock of the database: processes whose machines disagree about the time stamp and compare the same time.

The time is read once a minute; between two reads it is counted by the machine's monotonic clock.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import cast

from harness.service.adapters.mysql.pool import Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.errors import Unavailable
from harness.service.core.ports.clock import Clock

READ_AFTER_S = 60.0
UTC_NOW = Statement("select", "server", "SELECT UTC_TIMESTAMP(6)")


def _uptime() -> float:
    """Return the time since the machine started, including the time that it was suspended [s]."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class MySQLClock(Clock):
    """
    The clock of a server.

    Args:
        pool: Not the pool of the transactions: one that waits for a connection must not wait for itself.
        uptime: Counts the time between two reads [s].
    """

    def __init__(self, pool: Pool, *, uptime: Callable[[], float] = _uptime) -> None:
        self._pool = pool
        self._uptime = uptime
        self._reading = threading.Lock()
        self._due_at = uptime()
        self._read: tuple[datetime, float] | None = None
        """The last time that was read, and the uptime then."""

    def now(self) -> datetime:
        """Return the time; raise `Unavailable` if the server does not answer the first read."""
        read = self._read
        if read is None or self._uptime() >= self._due_at:
            read = self._read_again()
        at, uptime = read
        return at + timedelta(seconds=self._uptime() - uptime)

    def _read_again(self) -> tuple[datetime, float]:
        # One thread reads; the others use the last time that was read, if there is one.
        if not self._reading.acquire(blocking=self._read is None):
            return cast("tuple[datetime, float]", self._read)
        try:
            if self._read is None or self._uptime() >= self._due_at:
                self._due_at = self._uptime() + READ_AFTER_S
                self._read = self._ask()
            return self._read
        finally:
            self._reading.release()

    def _ask(self) -> tuple[datetime, float]:
        asked_at = self._uptime()
        try:
            with self._pool.session() as session:
                row = session.one(UTC_NOW)
        except Unavailable:
            if self._read is None:
                raise
            return self._read
        answered_at = self._uptime()
        return cast("tuple[datetime]", row)[0].replace(tzinfo=UTC), (asked_at + answered_at) / 2
