"""Use case: count the messages in the dead-letter queue, and fail their batches."""

import logging
from dataclasses import dataclass

from harness.service.core.errors import Invalid, JobNotFound
from harness.service.core.model.callback import ProcessingCallback
from harness.service.core.model.failure import DLQ_REDRIVE, Failure
from harness.service.core.model.identifiers import JobId, parse_id
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.tracer import SpanKind, Tracer
from harness.service.core.ports.workflow import Workflow
from harness.service.core.use_cases.error_handling import isolate_errors
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DrainDeadLetters:
    """
    Count each dead letter once, fail its batch if it is in the pipeline, and delete the dead letter.

    A job whose execution exists is left alone: it was started, and only its message could not be deleted. The
    callback of the execution, or the reconciler, ends it.
    """

    media: MediaRepository
    queue: JobQueue
    workflow: Workflow
    clock: Clock
    instruments: Instruments
    handle_callback: HandleProcessingCallback
    tracer: Tracer

    def __call__(self, *, limit: int = 10, wait: float = 0) -> int:
        """
        Receive up to *limit* dead letters, waiting up to *wait* seconds, and return how many were new.

        Raises:
            Unavailable: The queue does not answer.
            ExceptionGroup: Other errors; the other dead letters were processed.
        """
        return isolate_errors(self.queue.receive_dead(limit=limit, wait=wait), self._drain)

    def _drain(self, letter: ReceivedMessage) -> bool:
        with self.tracer.hop(
            "drain_dead_letters", parent=letter.attributes.get("Traceparent"), kind=SpanKind.CONSUMER
        ) as span:
            span.set(**letter.ids)
            return self._count_and_fail(letter)

    def _count_and_fail(self, letter: ReceivedMessage) -> bool:
        job_id = _job_id(letter)
        with self.media.transaction() as tx:
            new = tx.record_dead_letter(letter.id, job_id, letter.body, at=self.clock.now())
        if new:
            self.instruments.dead_letter()
            fields = {"message_id": letter.id, "job_id": job_id}
            log.warning("service.media.drain_dead_letters.counted", extra=fields)
        if job_id is not None:
            self._fail(job_id)
        self.queue.delete_dead(letter)
        return new

    def _fail(self, job_id: JobId) -> None:
        detail = "The job could not be started; its message is in the dead-letter queue."
        try:
            job = self.media.get_job_by_id(job_id)
            if not job.status.terminal and self.workflow.find(job.execution_name) is not None:
                log.warning("service.media.drain_dead_letters.started", extra={"job_id": job_id})
                return
            # A second copy of its message may have started it meanwhile.
            callback = ProcessingCallback.failed(job_id, Failure(DLQ_REDRIVE, detail))
            self.handle_callback(callback, expected=job.status)
        except JobNotFound:
            log.warning("service.media.drain_dead_letters.unknown_job", extra={"job_id": job_id})


def _job_id(letter: ReceivedMessage) -> JobId | None:
    """Return the job of a dead letter: from its body or, if the body is not valid, from its attributes."""
    try:
        return JobMessage.parse(letter.body, letter.attributes).job_id
    except Invalid:
        number = parse_id(letter.attributes.get("JobId", ""))
        return None if number is None else JobId(number)
