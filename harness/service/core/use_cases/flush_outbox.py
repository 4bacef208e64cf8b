"""Use case: send the messages in the outbox to the job queue."""

import logging
from dataclasses import dataclass, replace

from harness.service.core.errors import Unavailable
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.job_queue import JobQueue
from harness.service.core.ports.media_repository import MediaRepository, OutboxEntry
from harness.service.core.ports.tracer import SpanKind, Tracer
from harness.service.core.use_cases.error_handling import isolate_errors

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FlushOutbox:
    """Send every unsent message at least once. A message that is sent twice starts its job once."""

    media: MediaRepository
    queue: JobQueue
    clock: Clock
    tracer: Tracer

    def __call__(self, *, limit: int = 100) -> int:
        """
        Return how many messages the queue acknowledged.

        Raises:
            Unavailable: The database or the queue does not answer. The remaining messages stay in the outbox
                and are not tried: each would only wait for the same time-out.
            ExceptionGroup: The queue refused messages, which stay in the outbox; the others were sent.
        """
        return isolate_errors(self.media.list_outbox(limit=limit), self._flush, stop_at=(Unavailable,))

    def _flush(self, entry: OutboxEntry) -> bool:
        message = entry.message
        ids = {"listing_id": message.listing_id, "batch_id": message.batch_id, "job_id": message.job_id}
        with self.tracer.hop(
            "flush_outbox", parent=message.traceparent, kind=SpanKind.PRODUCER, **ids
        ) as span:
            self._send(entry, replace(message, traceparent=span.traceparent))
            log.info("service.media.flush_outbox.sent", extra=ids)
        return True

    def _send(self, entry: OutboxEntry, message: JobMessage) -> None:
        try:
            self.queue.send(message)
        except Exception as error:
            with self.media.transaction() as tx:
                tx.mark_send_failed(entry.id, str(error))
            raise
        with self.media.transaction() as tx:
            tx.mark_sent(entry.id, at=self.clock.now())
