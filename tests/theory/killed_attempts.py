"""
Attempts that are killed at a time limit and begun again. Times in seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class KilledAttempts:
    """
    An exponential service time that is killed at *limit* and begun again after the next back-off.

    Attributes:
        mean: Of one uninterrupted service [s].
        backoffs: Pause before each further attempt [s]; one more attempt than pauses.
    """

    mean: float
    limit: float
    backoffs: Sequence[float]

    @property
    def killed(self) -> float:
        """Probability that one attempt is killed."""
        return math.exp(-self.limit / self.mean)

    @property
    def probability_of_giving_up(self) -> float:
        return self.killed ** (len(self.backoffs) + 1)

    @property
    def mean_attempts(self) -> float:
        return sum(self.killed**count for count in range(len(self.backoffs) + 1))

    @property
    def mean_time(self) -> float:
        """From the first attempt to success, of those that succeed [s]."""
        return (
            sum(share * (start + self._mean_if_not_killed) for share, start in self._successes)
            / self._succeeding
        )

    def percentile(self, percent: float) -> float:
        """Return a percentile of the time to success, of those that succeed [s]."""
        wanted = percent / 100 * self._succeeding
        reached = 0.0
        for share, start in self._successes:
            if reached + share >= wanted:
                inside = (wanted - reached) / share * (1 - self.killed)
                return start - self.mean * math.log(1 - inside)
            reached += share
        raise ValueError(f"a percentile is below 100, not {percent}")

    @property
    def _successes(self) -> list[tuple[float, float]]:
        """Probability that each attempt is the successful one, and when it begins."""
        starts, start = [0.0], 0.0
        for pause in self.backoffs:
            start += self.limit + pause
            starts.append(start)
        return [(self.killed**count * (1 - self.killed), start) for count, start in enumerate(starts)]

    @property
    def _succeeding(self) -> float:
        return 1 - self.probability_of_giving_up

    @property
    def _mean_if_not_killed(self) -> float:
        return self.mean - self.limit * self.killed / (1 - self.killed)
