"""Row locks that a transaction holds until its end."""

import threading
from collections.abc import Hashable

from harness.service.core.errors import Unavailable


class RowLocks:
    """Locks by name. A wait of more than *timeout* seconds raises `Unavailable`, also in a deadlock."""

    def __init__(self, *, timeout: float = 5) -> None:
        self._timeout = timeout
        self._changed = threading.Condition()
        self._owners: dict[Hashable, object] = {}

    def acquire(self, owner: object, name: Hashable) -> None:
        """Take the lock *name* for *owner*, which may hold it already."""
        with self._changed:
            free = self._changed.wait_for(
                lambda: self._owners.get(name, owner) is owner, timeout=self._timeout
            )
            if not free:
                raise Unavailable(f"The lock of {name} was not free for {self._timeout} s.")
            self._owners[name] = owner

    def release(self, owner: object) -> None:
        """Release all locks of *owner*."""
        with self._changed:
            for name in [name for name, holder in self._owners.items() if holder is owner]:
                del self._owners[name]
            self._changed.notify_all()
