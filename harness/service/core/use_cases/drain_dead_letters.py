"""
Use case: count what reached the dead-letter queue, and tell the batches it belongs to.
"""

import logging
from dataclasses import dataclass

from harness.service.core.errors import Invalid, JobNotFound
from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import DLQ_REDRIVE, Failure
from harness.service.core.model.identifiers import JobId
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback
from harness.service.core.use_cases.one_by_one import one_by_one

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DrainDeadLetters:
    """
    Count each dead letter once, fail its batch if that is still in the pipeline, delete the letter.
    """

    media: MediaRepository
    queue: JobQueue
    clock: Clock
    instruments: Instruments
    handle_callback: HandleProcessingCallback

    def __call__(self, *, limit: int = 10, wait: float = 0) -> int:
        """
        Receive up to *limit* letters, waiting up to *wait* seconds, and return how many were new.

        Raises:
            Unavailable: The queue does not answer.
            ExceptionGroup: A letter could not be dealt with; the others had their turn.
        """
        return one_by_one(self.queue.receive_dead(limit=limit, wait=wait), self._drain)

    def _drain(self, letter: ReceivedMessage) -> bool:
        job_id = _job_id(letter)
        with self.media.transaction() as tx:
            new = tx.record_dead_letter(letter.id, job_id, letter.body, at=self.clock.now())
        if new:
            self.instruments.dead_letter()
            log.warning(
                "service.media.drain_dead_letters.counted", extra={"message_id": letter.id, "job_id": job_id}
            )
        if job_id is not None:
            self._fail(job_id)
        self.queue.delete_dead(letter)
        return new

    def _fail(self, job_id: JobId) -> None:
        failure = Failure(DLQ_REDRIVE, "The queue gave the job up after it could not be started.")
        try:
            self.handle_callback(ProcessingCallback(job_id, CallbackStatus.FAILED, failure=failure))
        except JobNotFound:
            log.warning("service.media.drain_dead_letters.unknown_job", extra={"job_id": job_id})


def _job_id(letter: ReceivedMessage) -> JobId | None:
    """Whose letter it is, by its body or, if that is unreadable, by its attributes."""
    try:
        return JobMessage.parse(letter.body, letter.attributes).job_id
    except Invalid:
        text = letter.attributes.get("JobId", "")
        return JobId(int(text)) if text.isascii() and text.isdigit() and len(text) < 20 else None
