"""
Row locks, held until the end of a transaction.
"""

import threading
from collections.abc import Hashable

from harness.service.core.errors import Unavailable


class RowLocks:
    """
    Locks by name. Waiting longer than *timeout* seconds ends as a database would end it; two
    transactions that wait for each other meet the same end.
    """

    def __init__(self, *, timeout: float = 5) -> None:
        self._timeout = timeout
        self._changed = threading.Condition()
        self._owners: dict[Hashable, object] = {}

    def acquire(self, owner: object, name: Hashable) -> None:
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._owners.get(name, owner) is owner, timeout=self._timeout
            )
            if not free:
                raise Unavailable(f"Waited {self._timeout} s for the lock of {name}.")
            self._owners[name] = owner

    def release(self, owner: object) -> None:
        with self._changed:
            for name in [name for name, holder in self._owners.items() if holder is owner]:
                del self._owners[name]
            self._changed.notify_all()
