"""The time since the start of the run, from which the time windows of faults count. Float seconds."""

import time
from collections.abc import Callable


class RunClock:
    """Seconds since the run began; until `begin` is called, seconds since the stack started."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._began_at = clock()
        self.has_begun = False

    def begin(self, at: float) -> None:
        """Set the start of the run [s since the epoch]."""
        self._began_at = at
        self.has_begun = True

    def now(self) -> float:
        """Return the time; it is negative before the run begins."""
        return self._clock() - self._began_at
