"""
Head sampling of a run's traces: decided when an arrival starts, and carried in every ``traceparent``.

A worker samples its arrivals as long as its token bucket has a token, so the number of traces is bounded, and
quiet runs have all of them. Times are float seconds since the run began, rates per second.
"""

from dataclasses import dataclass, field

TRACES_PER_S_MAX = 5.0
"""All workers together, over the run; a batch has about a hundred spans."""
TRACES_MAX = 5_000
BURST = 20
"""Traces that a worker may begin at once."""


@dataclass(slots=True)
class TraceSampling:
    """
    The token bucket of one worker.

    Attributes:
        rate: Traces that the worker may begin, in the long run.
    """

    rate: float
    _tokens: float = field(default=BURST, init=False)
    _filled_at: float = field(default=0.0, init=False)

    @classmethod
    def of(cls, duration: float, workers: int) -> "TraceSampling":
        """Return the sampling of each of the *workers* of a run of *duration* seconds."""
        return cls(min(TRACES_PER_S_MAX, TRACES_MAX / max(duration, 1.0)) / workers)

    def sample(self, now: float) -> bool:
        """Return whether the trace of an arrival that starts now is recorded."""
        self._tokens = min(BURST, self._tokens + max(0.0, now - self._filled_at) * self.rate)
        self._filled_at = max(self._filled_at, now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
