"""
The simulation's clock: SimPy's environment on whole nanoseconds, with an order for what coincides.

Float seconds lose their last bits when they are added up, and two events that should coincide then do
not. Whole nanoseconds are exact, and what happens at one of them happens in the order of its key: first
the kind of event, then the entity it is about, the item and the attempt. Nothing depends on the order in
which events were scheduled.
"""

from collections.abc import Callable
from enum import IntEnum
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


class Engine(simpy.Environment):
    """
    SimPy's environment on a clock of whole nanoseconds.

    Processes, resources and everything else of SimPy work in it, with delays in nanoseconds.

    Attributes:
        events: How many events were scheduled with `call_in` [count].
    """

    _now: int

    def __init__(self) -> None:
        super().__init__(initial_time=0)
        self.events = 0

    @property
    def now(self) -> int:
        """The time since the beginning [ns]."""
        return self._now

    @property
    def seconds(self) -> float:
        """The time since the beginning [s]."""
        return self._now / NS

    def call_in(self, delay: int, key: int, callback: Callable[[Event], Any]) -> Event:
        """
        Call something later.

        One event with one callback: the cheapest thing SimPy can do, and all that the hot paths use.

        Args:
            delay: From now [ns].
            key: Orders what happens at the same instant; see `order`.
        """
        event = Event(self)
        event._ok = True
        event._value = None
        event.callbacks = [callback]
        self.events += 1
        self.schedule(event, priority=key, delay=delay)  # type: ignore[arg-type]  # any integer orders
        return event


def about(entity: int, item: int = 0, attempt: int = 0) -> int:
    """Return the part of a key that says what an event is about."""
    return (entity << 20 | item) << 16 | attempt


def order(kind: Kind, entity: int = 0, item: int = 0, attempt: int = 0) -> int:
    """Return the key that orders events of one instant."""
    return kind << 84 | about(entity, item, attempt)


def nanoseconds(seconds: float) -> int:
    """Return seconds as whole nanoseconds."""
    return round(seconds * NS)
