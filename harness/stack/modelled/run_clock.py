"""
When the run began that is being played at the stack: windows of faults count from it.

Float seconds.
"""

import time
from collections.abc import Callable


class RunClock:
    """
    Seconds since the run began; since the stack did, until somebody says when.

    Args:
        clock: Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._began_at = clock()

    def begin(self, at: float) -> None:
        """Take a moment for the beginning of the run [s since the epoch]."""
        self._began_at = at

    def now(self) -> float:
        """Return the time; before the beginning it is negative."""
        return self._clock() - self._began_at
