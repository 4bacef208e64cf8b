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
            Unavailable: The database does not answer.
        """
        sent = 0
        for entry in self.media.list_outbox(limit=limit):
            if not self._send(entry):
                break  # The queue is down: the others would only wait for the same time-out.
            sent += 1
        return sent

    def _send(self, entry: OutboxEntry) -> bool:
        try:
            self.queue.send(entry.message)
        except Unavailable as error:
            with self.media.transaction() as tx:
                tx.mark_send_failed(entry.id, str(error))
            log.warning(
                "service.media.flush_outbox.send_failed",
                extra=_ids(entry) | {"attempts": entry.attempts + 1, "error": str(error)},
            )
            return False
        with self.media.transaction() as tx:
            tx.mark_sent(entry.id, at=self.clock.now())
        log.info("service.media.flush_outbox.sent", extra=_ids(entry))
        return True


def _ids(entry: OutboxEntry) -> dict[str, object]:
    message = entry.message
    return {
        "listing_id": message.listing_id,
        "batch_id": message.batch_id,
        "job_id": message.job_id,
        "traceparent": message.traceparent,
    }
