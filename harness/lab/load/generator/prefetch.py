"""
Take what is slow to make before it is wanted.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

import gevent

T = TypeVar("T")


class Prefetch(Generic[T]):
    """
    The items of an iterator, made in a thread while those before them are used.

    Batches are drawn for hundreds of arrivals at once, which takes longer than an arrival may be late.
    Several greenlets may take items; each gets its own.

    Args:
        items: Used in a thread of its own, by nobody else.
        count: How many to make at once.
    """

    def __init__(self, items: Iterator[T], count: int) -> None:
        self._items = items
        self._count = count
        self._threads = gevent.get_hub().threadpool
        self._ready: deque[T] = deque()
        self._coming = self._make_more()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while not self._ready:
            coming = self._coming
            made = coming.get()
            if coming is not self._coming:
                continue  # somebody else who waited has taken these in
            if not made:
                raise StopIteration
            self._ready.extend(made)
            self._coming = self._make_more()
        return self._ready.popleft()

    def _make_more(self) -> Any:
        return self._threads.spawn(lambda: list(islice(self._items, self._count)))
