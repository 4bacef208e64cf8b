"""An iterator whose items are made ahead of time, in a thread."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

import gevent

T = TypeVar("T")


class Prefetch(Generic[T]):
    """
    The items of an iterator, made in a thread while the items before them are used.

    Batches are drawn for hundreds of arrivals at once, which takes longer than an arrival may be late.
    Several greenlets may take items; each item is given to one of them.

    Args:
        items: The iterator; only the thread may use it.
        count: How many items to make at once [count].
    """

    def __init__(self, items: Iterator[T], count: int) -> None:
        self._items = items
        self._count = count
        self._threads = gevent.get_hub().threadpool
        self._ready: deque[T] = deque()
        self._next = self._make_more()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        while not self._ready:
            pending = self._next
            made = pending.get()
            if pending is not self._next:
                continue  # another greenlet that waited has stored these items
            if not made:
                raise StopIteration
            self._ready.extend(made)
            self._next = self._make_more()
        return self._ready.popleft()

    def _make_more(self) -> Any:
        return self._threads.spawn(lambda: list(islice(self._items, self._count)))
