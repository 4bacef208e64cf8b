"""
The simulation clock: SimPy's environment on whole nanoseconds, with a defined order of simultaneous events.

Float seconds lose their last bits when they are added, so two events that should coincide would not. Whole
nanoseconds are exact, and events of one instant run in the order of their key: `harness.lab.sim.event_order`.
"""

import math
from functools import partial
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import Event

from harness.states_language.host import NS, Callback, Deadline

_NEVER = (math.inf, math.inf)


class Engine(simpy.Environment):
    """
    SimPy's environment on a clock of whole nanoseconds.

    SimPy's processes and resources work in it, with delays in nanoseconds. In addition to SimPy's events the
    agenda holds plain callbacks: most events need no more, and take a third less time.
    """

    # A plain attribute, because it is read a hundred times as often as it is set; in SimPy it is a property.
    now: int = 0
    """Time since the beginning [ns]."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.events = 0
        # SimPy's own queue; SimPy declares that it contains SimPy events only.
        self._agenda: list[tuple[int, int, int, Any]] = self._queue  # type: ignore[assignment]  # see above
        self._deadlines: list[tuple[int, int, int, Deadline]] = []
        self._next_deadline = _NEVER

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
        """Schedule a callback in *delay* [ns]; *key* orders the events of one instant."""
        self.events += 1
        heappush(self._agenda, (self.now + delay, key, next(self._eid), callback))

    def deadline_in(self, delay: int, key: int, callback: Callback) -> Deadline:
        """
        Schedule a callback that can be cancelled; arguments as for `call_in`.

        Nearly all deadlines are cancelled. They wait in a queue of their own, and only the first one is on
        the agenda, so that the others do not slow it down.
        """
        deadline = Deadline(callback)
        at = self.now + delay
        if (at, key) < self._next_deadline:
            self._put_on_agenda(at, key, deadline)
        else:
            heappush(self._deadlines, (at, key, next(self._eid), deadline))
        return deadline

    def _put_on_agenda(self, at: int, key: int, deadline: Deadline) -> None:
        self._next_deadline = (at, key)
        self.call_in(at - self.now, key, partial(self._pass_deadline, deadline))

    def _pass_deadline(self, deadline: Deadline) -> None:
        """Put the following deadline on the agenda, then let this one expire."""
        self._next_deadline = _NEVER
        queue = self._deadlines
        while queue and self._next_deadline is _NEVER:
            at, key, _number, following = heappop(queue)
            if following.is_open:
                self._put_on_agenda(at, key, following)
        deadline.expire()

    def step(self) -> None:
        """Process the next event."""
        if self._agenda and not isinstance(self._agenda[0][3], Event):
            self.now, _, _, callback = heappop(self._agenda)
            callback()
        else:
            super().step()

    def run_until(self, until: int) -> None:
        """
        Process all events before *until* [ns], then set the clock to it.

        The same as `run`, without a call of `step` for each callback.
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
            callback()
        self.now = until
