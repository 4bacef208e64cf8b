"""Use case: send the messages in the outbox to the job queue."""

import logging
from dataclasses import dataclass

from harness.service.core.errors import Unavailable
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.job_queue import JobQueue
from harness.service.core.ports.media_repository import MediaRepository, OutboxEntry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FlushOutbox:
    """Send every unsent message at least once. A message that is sent twice starts its job once."""

    media: MediaRepository
    queue: JobQueue
    clock: Clock

    def __call__(self, *, limit: int = 100) -> int:
        """
        Return how many messages the queue acknowledged.

        Raises:
            Unavailable: The database or the queue does not answer. The remaining messages stay in the outbox
                and are not tried: each would only wait for the same time-out.
        """
        entries = self.media.list_outbox(limit=limit)
        for entry in entries:
            self._send(entry)
        return len(entries)

    def _send(self, entry: OutboxEntry) -> None:
        message = entry.message
        try:
            self.queue.send(message)
        except Unavailable as error:
            with self.media.transaction() as tx:
                tx.mark_send_failed(entry.id, str(error))
            raise
        with self.media.transaction() as tx:
            tx.mark_sent(entry.id, at=self.clock.now())
        fields = {
            "listing_id": message.listing_id,
            "batch_id": message.batch_id,
            "job_id": message.job_id,
            "traceparent": message.traceparent,
        }
        log.info("service.media.flush_outbox.sent", extra=fields)
