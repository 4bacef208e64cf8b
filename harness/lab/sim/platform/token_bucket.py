"""The token bucket, with which AWS limits rates. Times are nanoseconds."""

from harness.states_language.host import NS


class TokenBucket:
    """
    A token bucket: a burst of *size* at once, then *rate* per second.

    Implemented by the generic cell rate algorithm: exact, and without events.
    """

    __slots__ = ("_full_at", "_interval", "_reach")

    def __init__(self, size: int, rate: float) -> None:
        self._interval = max(1, round(NS / rate))
        self._reach = self._interval * (size - 1)
        self._full_at = 0

    def take(self, now: int) -> bool:
        """Take a token if there is one; return whether there was one."""
        full_at = max(self._full_at, now)
        if full_at - now > self._reach:
            return False
        self._full_at = full_at + self._interval
        return True

    def delay(self, now: int) -> int:
        """Reserve the next token; return the time until it is available [ns]. First come, first served."""
        full_at = self._full_at if self._full_at > now else now
        self._full_at = full_at + self._interval
        late = full_at - now - self._reach
        return late if late > 0 else 0
