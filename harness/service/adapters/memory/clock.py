"""A clock that moves only when `ManualClock.advance` is called."""

from datetime import UTC, datetime, timedelta

from harness.service.core.ports.clock import Clock


class ManualClock(Clock):
    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock by *seconds*; a negative number moves it back."""
        self._now += timedelta(seconds=seconds)
