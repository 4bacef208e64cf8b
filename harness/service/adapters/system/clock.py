"""The clock of the operating system."""

from datetime import UTC, datetime

from harness.service.core.ports.clock import Clock


class SystemClock(Clock):
    def now(self) -> datetime:
        return datetime.now(UTC)
