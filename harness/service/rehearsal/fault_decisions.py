"""
The faults of a schedule: which fault strikes at which call.

A decision is named by the task, the call, and how often the task has made the call. So most decisions keep
their meaning when others are left out, and a schedule can be shrunk.
"""

import random
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Strike(StrEnum):
    """What may happen at a call, in the words of AWS FIS where it has them."""

    DELAY = "delay"
    """The call takes longer, and others go on."""
    UNAVAILABLE = "unavailable"
    """The call fails without effect."""
    LOST_ANSWER = "lost answer"
    """The call has its effect, but the caller gets an error."""
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    """The process that makes the call is killed, and restarts after some time."""
    OUTAGE = "outage"
    """The dependency fails every call for some time."""
    LOST = "lost"
    """The message or event is accepted, and never delivered."""
    DUPLICATE = "duplicate"
    """The message, event or request is delivered twice."""
    LATE = "late"
    """The message, event or request is delivered after some time."""
    REORDER = "reorder"
    """The messages are delivered in another order; a callback waits for the next one."""
    TAMPERED = "tampered"
    """The signature of the callback is wrong."""
    EMPTY = "empty"
    """The callback arrives without its content."""
    INVOCATION_ERROR = "aws:lambda:invocation-error"
    THROTTLED = "aws:lambda:throttled"
    STUCK = "stuck"
    """The function or transcoding job never answers."""
    REJECTED = "rejected"
    """The work cannot succeed: a file does not decode, a transcoding job ends with ERROR."""
    SKEW = "clock skew"
    """The clock of the process goes wrong by some time from now on."""


SECONDS: Mapping[Strike, Sequence[float]] = {
    Strike.DELAY: (0.01, 0.1, 0.5, 1, 3, 8, 30, 90),
    Strike.CRASH_BEFORE: (0.5, 5, 60),
    Strike.CRASH_AFTER: (0.5, 5, 60),
    Strike.OUTAGE: (1, 10, 60, 400),
    Strike.LATE: (0.5, 5, 60, 700, 2000),
    Strike.SKEW: (-3600, 3600),
}
"""The times from which a decision takes one [s]; zero for the other strikes."""


MADE_ONCE = frozenset(
    {"callback request", "database commit", "deliver", "invoke", "queue delete", "queue send", "transcode"}
)
"""Calls that are made about once for a job, and at which most is at stake."""
FEW = 4
"""How many times as likely a fault is at such a call."""


@dataclass(frozen=True, slots=True)
class FaultDecision:
    """The fault *strike* at the *nth* time that *task* makes *call*; *seconds* is its length."""

    task: str
    call: str
    nth: int
    strike: Strike
    seconds: float = 0.0

    def __str__(self) -> str:
        length = f" of {self.seconds:g} s" if self.seconds else ""
        return f"{self.task}, {self.call} (time {self.nth}): {self.strike}{length}"


class FaultDecisions(Protocol):
    """Where the faults of a schedule come from; *taken* are those that have struck."""

    taken: list[FaultDecision]

    @abstractmethod
    def at(self, task: str, call: str, strikes: Sequence[Strike]) -> FaultDecision | None:
        """Return what happens at a call where *strikes* are possible; mostly None."""

    @abstractmethod
    def heal(self) -> None:
        """Let no fault strike from now on."""


class SeededDecisions(FaultDecisions):
    """
    Faults drawn from a seed.

    Every seed has a rate of its own and kinds of faults of its own: a schedule with a few kinds reaches
    states that one with all of them does not ("swarm testing", Groce et al. 2012).
    """

    def __init__(self, seed: int) -> None:
        self.taken = []
        self._random = random.Random(f"faults {seed}")
        self._rate = self._random.choice((0.005, 0.02, 0.04, 0.08))
        self._kinds = frozenset(strike for strike in Strike if self._random.random() < 0.6)
        self._counts: Counter[tuple[str, str]] = Counter()

    def at(self, task: str, call: str, strikes: Sequence[Strike]) -> FaultDecision | None:
        self._counts[task, call] += 1
        draw = self._random.random
        if draw() >= (FEW * self._rate if call in MADE_ONCE else self._rate):
            return None
        strike = strikes[int(draw() * len(strikes))]
        if strike not in self._kinds:
            return None
        lengths = SECONDS.get(strike, (0.0,))
        seconds = lengths[int(draw() * len(lengths))]
        decision = FaultDecision(task, call, self._counts[task, call], strike, seconds)
        self.taken.append(decision)
        return decision

    def heal(self) -> None:
        self._rate = 0.0


class GivenDecisions(FaultDecisions):
    """Exactly the given faults."""

    def __init__(self, decisions: Sequence[FaultDecision]) -> None:
        self.taken = []
        self._given = {(one.task, one.call, one.nth): one for one in decisions}
        self._counts: Counter[tuple[str, str]] = Counter()

    def at(self, task: str, call: str, strikes: Sequence[Strike]) -> FaultDecision | None:
        self._counts[task, call] += 1
        decision = self._given.get((task, call, self._counts[task, call]))
        if decision is None or decision.strike not in strikes:
            return None
        self.taken.append(decision)
        return decision

    def heal(self) -> None:
        self._given = {}
