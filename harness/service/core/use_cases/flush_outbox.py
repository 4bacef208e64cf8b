"""
Use case: send the messages that transactions left behind.
"""

import logging
from dataclasses import dataclass

from harness.service.core.errors import Unavailable
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.job_queue import JobQueue
from harness.service.core.ports.media_repository import MediaRepository, OutboxEntry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FlushOutbox:
    """
    Send every unsent message at least once. A message sent twice starts its job once.
    """

    media: MediaRepository
    queue: JobQueue
    clock: Clock

    def __call__(self, *, limit: int = 100) -> int:
        """
        Return how many messages the queue acknowledged.

        Raises:
            Unavailable: The database or the queue does not answer. What could not be sent stays, and the
                rest is not tried: it would only wait for the same time-out.
        """
        entries = self.media.list_outbox(limit=limit)
        for entry in entries:
            self._send(entry)
        return len(entries)

    def _send(self, entry: OutboxEntry) -> None:
        try:
            self.queue.send(entry.message)
        except Unavailable as error:
            with self.media.transaction() as tx:
                tx.mark_send_failed(entry.id, str(error))
            raise
        with self.media.transaction() as tx:
            tx.mark_sent(entry.id, at=self.clock.now())
        log.info("service.media.flush_outbox.sent", extra=_ids(entry))


def _ids(entry: OutboxEntry) -> dict[str, object]:
    message = entry.message
    return {
        "listing_id": message.listing_id,
        "batch_id": message.batch_id,
        "job_id": message.job_id,
        "traceparent": message.traceparent,
    }
