"""
A standard queue in memory: visibility time-out, redrive and dead letters by an injected clock.
"""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.service.core.errors import Unavailable
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage


@dataclass(slots=True)
class _Letter:
    id: str
    body: str
    attributes: Mapping[str, str]
    visible_at: datetime
    receive_count: int = 0


class InMemoryJobQueue(JobQueue):
    """
    Times in seconds. Nothing here waits: *wait* is ignored, the clock is somebody else's.

    Attributes:
        available: False makes every call fail.
    """

    def __init__(self, clock: Clock, *, visibility: float = 360, max_receive_count: int = 5) -> None:
        self.available = True
        self._clock = clock
        self._visibility = timedelta(seconds=visibility)
        self._max_receive_count = max_receive_count
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._letters: dict[str, _Letter] = {}
        self._dead: dict[str, _Letter] = {}

    def send(self, message: JobMessage) -> str:
        self.ping()
        return self.send_raw(message.body, message.attributes)

    def send_raw(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        """Put anything into the queue, as anybody who knows its URL could."""
        with self._lock:
            number = str(next(self._numbers))
            self._letters[number] = _Letter(number, body, dict(attributes or {}), self._clock.now())
            return number

    def receive(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:  # noqa: ARG002 -- see the class
        self.ping()
        with self._lock:
            self._redrive()
            return self._take(self._letters, limit)

    def delete(self, message: ReceivedMessage) -> None:
        self.ping()
        with self._lock:
            self._letters.pop(message.id, None)

    def receive_dead(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:  # noqa: ARG002 -- see the class
        self.ping()
        with self._lock:
            self._redrive()
            return self._take(self._dead, limit)

    def delete_dead(self, message: ReceivedMessage) -> None:
        self.ping()
        with self._lock:
            self._dead.pop(message.id, None)

    def ping(self) -> None:
        if not self.available:
            raise Unavailable("The queue does not answer.")

    def depth(self) -> int:
        """Messages that are neither deleted nor dead, visible or not."""
        return len(self._letters)

    def dead_depth(self) -> int:
        return len(self._dead)

    def _take(self, letters: dict[str, _Letter], limit: int) -> list[ReceivedMessage]:
        now = self._clock.now()
        taken = [letter for letter in letters.values() if letter.visible_at <= now][:limit]
        for letter in taken:
            letter.visible_at = now + self._visibility
            letter.receive_count += 1
        return [
            ReceivedMessage(
                id=letter.id,
                body=letter.body,
                attributes=letter.attributes,
                receipt=f"{letter.id}.{letter.receive_count}",
                receive_count=letter.receive_count,
            )
            for letter in taken
        ]

    def _redrive(self) -> None:
        """A message received too often moves when it would have become visible once more."""
        now = self._clock.now()
        for letter in list(self._letters.values()):
            if letter.receive_count >= self._max_receive_count and letter.visible_at <= now:
                self._dead[letter.id] = self._letters.pop(letter.id)
                letter.receive_count = 0
