"""
Tables with an index, and the view of a transaction on them.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")


class MemoryTable(Generic[K, R]):
    """
    The committed rows in order of insertion. *groups* returns the index keys of a row.
    """

    def __init__(self, groups: Callable[[R], Iterable[Hashable]]) -> None:
        self.groups = groups
        self.rows: dict[K, R] = {}
        self._places: dict[K, int] = {}
        self._members: defaultdict[Hashable, set[K]] = defaultdict(set)
        self._next_place = itertools.count()

    def put(self, key: K, row: R) -> None:
        """Insert or replace a row, and update the index."""
        if key in self.rows:
            for group in self.groups(self.rows[key]):
                self._members[group].discard(key)
        self.rows[key] = row
        self.place(key)
        for group in self.groups(row):
            self._members[group].add(key)

    def place(self, key: K) -> int:
        """Return the position of a row in the order of insertion; the first call assigns it."""
        if key not in self._places:
            self._places[key] = next(self._next_place)
        return self._places[key]

    def members(self, group: Hashable) -> set[K]:
        """Return the keys of the rows with the index key *group*."""
        return self._members.get(group, set())


class View(Generic[K, R]):
    """
    A table as one transaction sees it: the committed rows, and its own changes.
    """

    def __init__(self, table: MemoryTable[K, R]) -> None:
        self._table = table
        self._written: dict[K, R] = {}

    def get(self, key: K) -> R | None:
        return self._written.get(key, self._table.rows.get(key))

    def put(self, key: K, row: R) -> None:
        self._table.place(key)
        self._written[key] = row

    def select(self, *groups: Hashable) -> list[R]:
        """Return the rows with any index key of *groups*, oldest first."""
        keys = set().union(*(self._table.members(group) for group in groups)) | self._written.keys()
        wanted = set(groups)
        found = []
        for key in sorted(keys, key=self._table.place):
            row = self._written[key] if key in self._written else self._table.rows[key]
            if not wanted.isdisjoint(self._table.groups(row)):
                found.append(row)
        return found

    def commit(self) -> None:
        """Copy the changes of the transaction to the table."""
        for key, row in self._written.items():
            self._table.put(key, row)
