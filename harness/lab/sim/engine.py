"""
The simulation's clock: SimPy's environment on whole nanoseconds, with an order for what coincides.

Float seconds lose their last bits when they are added up, and two events that should coincide then do
not. Whole nanoseconds are exact, and what happens at one of them happens in the order of its key: first
the kind of event, then the entity it is about, the item and the attempt. Nothing depends on the order in
which events were scheduled.
"""

from collections.abc import Callable
from enum import IntEnum
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.events import Event

NS = 1_000_000_000
"""Nanoseconds in a second."""


class Kind(IntEnum):
    """What comes first of what happens at the same instant."""

    DEADLINE = 2
    END_OF_WORK = 3
    TIMER = 4
    VISIBLE_AGAIN = 5
    DISPATCHED = 6
    CLIENT = 7
    ARRIVAL = 8
    SAMPLE = 9


class Call(Event):
    """SimPy's cheapest event: one that calls somebody back."""

    _ok = True
    _value = None

    def __init__(self, engine: "Engine", callback: Callable[[Event], Any]) -> None:
        self.env = engine
        self.callbacks = [callback]


class Engine(simpy.Environment):
    """
    SimPy's environment on a clock of whole nanoseconds.

    Processes, resources and everything else of SimPy work in it, with delays in nanoseconds.

    Attributes:
        events: How many events were scheduled with `call_in` [count].
    """

    # Read a hundred times for each time it is set: SimPy has it the other way round.
    now: int = 0
    """The time since the beginning [ns]."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.events = 0

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

    def call_in(self, delay: int, key: int, callback: Callable[[Event], Any]) -> Event:
        """
        Call something later.

        Args:
            delay: From now [ns].
            key: Orders what happens at the same instant; see `order`.
        """
        self.events += 1
        event = Call(self, callback)
        # What `schedule` does, without the call: nearly all events of a simulation pass here.
        entry = (self.now + delay, key, next(self._eid), event)
        heappush(self._queue, entry)  # type: ignore[misc]  # any integer orders, not only SimPy's two
        return event

    def run_until(self, until: int) -> None:
        """
        Let everything happen that is due before *until* [ns], then set the clock to it.

        What `run` does, without its call for each event.
        """
        queue = self._queue
        while queue and queue[0][0] < until:
            if type(queue[0][3]) is not Call:
                self.step()
                continue
            self.now, _, _, event = heappop(queue)  # type: ignore[assignment]  # whole numbers only
            (callback,) = event.callbacks
            event.callbacks = None  # type: ignore[assignment]  # so says SimPy: it has happened
            callback(event)
        self.now = until


def about(entity: int, item: int = 0, attempt: int = 0) -> int:
    """Return the part of a key that says what an event is about."""
    return (entity << 20 | item) << 16 | attempt


def order(kind: Kind, entity: int = 0, item: int = 0, attempt: int = 0) -> int:
    """Return the key that orders events of one instant."""
    return ((kind << 48 | entity) << 20 | item) << 16 | attempt


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds."""
    return round(seconds * NS)
