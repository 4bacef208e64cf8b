"""
Use case: start the state machine for every job message.
"""

import logging
from dataclasses import dataclass

from harness.service.core.errors import Invalid, JobNotFound, Unavailable
from harness.service.core.model.batch import Batch
from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import BATCH_DELETED, Failure
from harness.service.core.model.job import Job
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.workflow import Workflow
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback
from harness.service.core.use_cases.one_by_one import one_by_one

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DispatchJobs:
    """
    Start a run for each message and delete the message afterwards.

    What cannot be understood or started stays in the queue: it comes back after its visibility
    time-out, and the redrive gives it to the dead letters in the end.
    """

    media: MediaRepository
    queue: JobQueue
    workflow: Workflow
    handle_callback: HandleProcessingCallback

    def __call__(self, *, limit: int = 10, wait: float = 0) -> int:
        """
        Receive up to *limit* messages, waiting up to *wait* seconds, and return how many are done with.

        Raises:
            Unavailable: The queue does not answer.
            ExceptionGroup: A message met a defect; the others had their turn.
        """
        return one_by_one(self.queue.receive(limit=limit, wait=wait), self._dispatch)

    def _dispatch(self, received: ReceivedMessage) -> bool:
        try:
            message = JobMessage.parse(received.body, received.attributes)
            job, batch = self._find(message)
            self._start(message, job, batch)
            self.queue.delete(received)
        except (Invalid, JobNotFound, Unavailable) as error:
            log.warning(
                "service.media.dispatch_jobs.left_in_queue",
                extra={
                    "message_id": received.id,
                    "receive_count": received.receive_count,
                    "job_id": received.attributes.get("JobId"),
                    "error": str(error),
                },
            )
            return False
        return True

    def _find(self, message: JobMessage) -> tuple[Job, Batch]:
        job = self.media.get_job_by_id(message.job_id)
        batch = self.media.get_batch_by_id(job.batch_id, include_deleted=True)
        if (batch.id, batch.listing_id) != (message.batch_id, message.listing_id):
            raise Invalid(f"Job {job.id} is not of batch {message.batch_id} on {message.listing_id}.")
        return job, batch

    def _start(self, message: JobMessage, job: Job, batch: Batch) -> None:
        if job.status.terminal:
            return  # It was given up, or its callback overtook a second copy of the message.
        if batch.deleted_at:
            failure = Failure(BATCH_DELETED, "The batch was deleted before its job was started.")
            self.handle_callback(ProcessingCallback(job.id, CallbackStatus.FAILED, failure=failure))
            return
        arn = self.workflow.start(job.execution_name, message.execution_input)
        self.handle_callback(ProcessingCallback(job.id, CallbackStatus.RUNNING, external_id=arn))
        log.info(
            "service.media.dispatch_jobs.started",
            extra={
                "listing_id": batch.listing_id,
                "batch_id": batch.id,
                "job_id": job.id,
                "execution_arn": arn,
                "traceparent": message.traceparent,
            },
        )
