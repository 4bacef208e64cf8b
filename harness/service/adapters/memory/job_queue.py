"""The job queue in memory, with visibility time-out, redrive and dead-letter queue, on an injected clock."""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.service.core.errors import Unavailable
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage


@dataclass(slots=True)
class _StoredMessage:
    id: str
    body: str
    attributes: Mapping[str, str]
    visible_at: datetime
    receive_count: int = 0


class InMemoryJobQueue(JobQueue):
    """
    The job queue. Times in seconds. No call waits: *wait* is ignored, because the clock is injected.

    If *available* is False, every call raises `Unavailable`.
    """

    def __init__(self, clock: Clock, *, visibility: float = 360, max_receive_count: int = 5) -> None:
        self.available = True
        self._clock = clock
        self._visibility = timedelta(seconds=visibility)
        self._max_receive_count = max_receive_count
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._messages: dict[str, _StoredMessage] = {}
        self._dead: dict[str, _StoredMessage] = {}

    def send(self, message: JobMessage) -> str:
        self.ping()
        return self.send_raw(message.body, message.attributes)

    def send_raw(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        """Send any body, as any client that knows the URL of the queue can."""
        with self._lock:
            number = str(next(self._numbers))
            self._messages[number] = _StoredMessage(number, body, dict(attributes or {}), self._clock.now())
            return number

    def receive(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:  # noqa: ARG002 -- see the class
        return self._receive(self._messages, limit)

    def delete(self, message: ReceivedMessage) -> None:
        self.ping()
        with self._lock:
            self._messages.pop(message.id, None)

    def receive_dead(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:  # noqa: ARG002 -- see the class
        return self._receive(self._dead, limit)

    def delete_dead(self, message: ReceivedMessage) -> None:
        self.ping()
        with self._lock:
            self._dead.pop(message.id, None)

    def ping(self) -> None:
        if not self.available:
            raise Unavailable("The queue does not answer.")

    def redeliver(self, message: ReceivedMessage) -> None:
        """Deliver a message of the job queue once more, acknowledged or not: delivery is at least once."""
        with self._lock:
            stored = self._messages.get(message.id)
            if stored is None:
                stored = _StoredMessage(
                    message.id, message.body, message.attributes, self._clock.now(), message.receive_count
                )
                self._messages[message.id] = stored
            stored.visible_at = self._clock.now()

    def next_visible(self) -> datetime | None:
        """Return when the next message that is in flight becomes visible again; None without one."""
        now = self._clock.now()
        waiting = [*self._messages.values(), *self._dead.values()]
        return min((message.visible_at for message in waiting if message.visible_at > now), default=None)

    def depth(self) -> int:
        """Return the number of messages in the job queue, visible or not."""
        return len(self._messages)

    def dead_depth(self) -> int:
        """Return the number of messages in the dead-letter queue."""
        return len(self._dead)

    def _receive(self, messages: dict[str, _StoredMessage], limit: int) -> list[ReceivedMessage]:
        self.ping()
        with self._lock:
            now = self._clock.now()
            self._redrive(now)
            visible = [message for message in messages.values() if message.visible_at <= now]
            return [self._take(message, now) for message in visible[:limit]]

    def _take(self, message: _StoredMessage, now: datetime) -> ReceivedMessage:
        message.visible_at = now + self._visibility
        message.receive_count += 1
        receipt = f"{message.id}.{message.receive_count}"
        return ReceivedMessage(message.id, message.body, message.attributes, receipt, message.receive_count)

    def _redrive(self, now: datetime) -> None:
        """Move every message that was received too often and would be visible again."""
        for message in list(self._messages.values()):
            if message.receive_count >= self._max_receive_count and message.visible_at <= now:
                self._dead[message.id] = self._messages.pop(message.id)
                message.receive_count = 0
