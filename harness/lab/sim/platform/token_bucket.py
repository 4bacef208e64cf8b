"""
Token buckets: how AWS limits rates. Times are nanoseconds.
"""

from harness.states_language.host_clock import NS


class TokenBucket:
    """
    So many at once, then so many per second.

    Kept as the theoretical time of the last token (the generic cell rate algorithm): no events, exact.

    Args:
        size: Tokens a full bucket holds.
        rate: Tokens that are added per second.
    """

    __slots__ = ("_full_at", "_interval", "_reach")

    def __init__(self, size: int, rate: float) -> None:
        self._interval = max(1, round(NS / rate))
        self._reach = self._interval * (size - 1)
        self._full_at = 0

    def take(self, now: int) -> bool:
        """Take a token if there is one; tell whether there was."""
        full_at = max(self._full_at, now)
        if full_at - now > self._reach:
            return False
        self._full_at = full_at + self._interval
        return True

    def delay(self, now: int) -> int:
        """Take the next token there will be, and return how long that is [ns]; first come, first served."""
        full_at = self._full_at if self._full_at > now else now
        self._full_at = full_at + self._interval
        late = full_at - now - self._reach
        return late if late > 0 else 0
