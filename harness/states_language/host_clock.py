"""
The clock and the timers that a host gives to executions. Times are whole nanoseconds.

What happens at the same instant happens in the order of its key: first the kind of event, then the entity
it is about, the item and the attempt.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

NS = 1_000_000_000
"""Nanoseconds in a second."""

Callback = Callable[[Any], Any]
"""Callback of a scheduled event; the argument is unused."""


class Kind:
    """
    What comes first of what happens at the same instant.

    Plain numbers, which are looked up fifteen times an arrival: an enumeration's take four times as long.
    """

    END_OF_WORK = 2
    DEADLINE = 3
    TIMER = 4
    VISIBLE_AGAIN = 5
    DISPATCHED = 6
    CLIENT = 7
    ARRIVAL = 8
    SAMPLE = 9


class Deadline:
    """Something that is to happen unless it is called off before."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    @property
    def is_open(self) -> bool:
        """Whether it has neither passed nor been called off."""
        return self._callback is not None

    def call_off(self) -> None:
        self._callback = None

    def fall_due(self) -> None:
        """Call back, unless it was called off."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class HostClock(Protocol):
    """
    A clock that calls back.

    Attributes:
        now: Time since the beginning [ns].
    """

    now: int

    @abstractmethod
    def call_in(self, delay: int, key: int, callback: Callback) -> None:
        """
        Call *callback* after *delay* [ns]; *key* orders events of the same instant, see `order`.
        """

    @abstractmethod
    def deadline_in(self, delay: int, key: int, callback: Callable[[], None]) -> Deadline:
        """
        Call *callback* after *delay* [ns], unless the returned deadline is called off before.
        """


def order(kind: int, entity: int = 0, item: int = 0, attempt: int = 0) -> int:
    """Return the key that orders events of one instant."""
    return (kind << 84) + (entity << 36) + (item << 16) + attempt
