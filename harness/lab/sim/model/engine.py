"""
The simulation's clock: SimPy's environment on whole nanoseconds, with an order for what coincides.

Float seconds lose their last bits when they are added up, and two events that should coincide then do
not. Whole nanoseconds are exact, and what happens at one of them happens in the order of its key: first
the kind of event, then the entity it is about, the item and the attempt. Nothing depends on the order in
which events were scheduled.
"""

import math
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import Event

from harness.states_language.host_clock import NS, Callback, Deadline

_NEVER = (math.inf, math.inf)


class Engine(simpy.Environment):
    """
    SimPy's environment on a clock of whole nanoseconds.

    Processes, resources and everything else of SimPy work in it, with delays in nanoseconds. Beside SimPy's
    events its agenda holds plain callbacks: nearly all a simulation does needs no more, at a third less time.

    Attributes:
        events: How many events were scheduled with `call_in` [count].
    """

    # Read a hundred times for each time it is set: SimPy has it the other way round.
    now: int = 0
    """The time since the beginning [ns]."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.events = 0
        # SimPy's own, whose entries it takes for events only.
        self._agenda: list[tuple[int, int, int, Any]] = self._queue  # type: ignore[assignment]  # see above
        self._deadlines: list[tuple[int, int, int, Deadline]] = []
        self._watched = _NEVER

    @property
    def _now(self) -> int:
        return self.now

    @_now.setter
    def _now(self, now: int) -> None:
        self.now = now

    @property
    def seconds(self) -> float:
        """The time since the beginning [s]."""
        return self.now / NS

    def call_in(self, delay: int, key: int, callback: Callback) -> None:
        """
        Call something later.

        Args:
            delay: From now [ns].
            key: Orders what happens at the same instant; see `order`.
        """
        self.events += 1
        heappush(self._agenda, (self.now + delay, key, next(self._eid), callback))

    def deadline_in(self, delay: int, key: int, callback: Callable[[], None]) -> Deadline:
        """
        Call something later unless it is called off before, as nearly all deadlines are.

        So they wait in a line of their own, where they slow nothing else down: only the first one is on the
        agenda. Delay and key are those of `call_in`.
        """
        deadline = Deadline(callback)
        at = self.now + delay
        if (at, key) < self._watched:
            self._watch(at, key, deadline)
        else:
            heappush(self._deadlines, (at, key, next(self._eid), deadline))
        return deadline

    def _watch(self, at: int, key: int, deadline: Deadline) -> None:
        self._watched = (at, key)
        self.call_in(at - self.now, key, partial(self._next_deadline, deadline))

    def _next_deadline(self, deadline: Deadline, _: object) -> None:
        """Put the one after a deadline on the agenda, and let that fall due."""
        self._watched = _NEVER
        line = self._deadlines
        while line and self._watched is _NEVER:
            at, key, _number, following = heappop(line)
            if following.is_open:
                self._watch(at, key, following)
        deadline.fall_due()

    def step(self) -> None:
        """Let the next of what is due happen."""
        if self._agenda and not isinstance(self._agenda[0][3], Event):
            self.now, _, _, callback = heappop(self._agenda)
            callback(None)
        else:
            super().step()

    def run_until(self, until: int) -> None:
        """
        Let everything happen that is due before *until* [ns], then set the clock to it.

        What `run` does, without its call of `step` for each callback.
        """
        agenda = self._agenda
        while agenda:
            now, _, _, callback = agenda[0]
            if now >= until:
                break
            if isinstance(callback, Event):
                self.step()
                continue
            heappop(agenda)
            self.now = now
            callback(None)
        self.now = until


def about(entity: int, item: int = 0, attempt: int = 0) -> int:
    """Return the part of a key that says what an event is about."""
    return (entity << 20 | item) << 16 | attempt


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds."""
    return round(seconds * NS)
