"""Use case: start the state machine for every job message."""

import logging
from dataclasses import dataclass, replace

from harness.service.core.errors import Invalid, JobNotFound, Unavailable
from harness.service.core.model.batch import Batch
from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import DELETED_BEFORE_START
from harness.service.core.model.job import Job
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.tracer import SpanKind, Tracer
from harness.service.core.ports.workflow import Workflow
from harness.service.core.use_cases.error_handling import isolate_errors
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DispatchJobs:
    """
    Start an execution for each message and delete the message afterwards.

    A message that is not valid, or whose execution cannot be started, stays in the queue. It becomes visible
    again after the visibility time-out. After the maximum number of receives the queue moves it to the
    dead-letter queue.
    """

    media: MediaRepository
    queue: JobQueue
    workflow: Workflow
    handle_callback: HandleProcessingCallback
    tracer: Tracer

    def __call__(self, *, limit: int = 10, wait: float = 0) -> int:
        """
        Receive up to *limit* messages, waiting up to *wait* seconds, and return how many were processed.

        Raises:
            Unavailable: The queue does not answer.
            ExceptionGroup: Unexpected errors; the other messages were processed.
        """
        return isolate_errors(self.queue.receive(limit=limit, wait=wait), self._dispatch)

    def _dispatch(self, received: ReceivedMessage) -> bool:
        with self.tracer.hop(
            "dispatch_jobs", parent=received.attributes.get("Traceparent"), kind=SpanKind.CONSUMER
        ) as span:
            span.set(**received.ids)
            try:
                message = JobMessage.parse(received.body, received.attributes)
                job, batch = self._find(message)
                self._start(replace(message, traceparent=span.traceparent), job, batch)
                self.queue.delete(received)
            except (Invalid, JobNotFound, Unavailable) as error:
                span.fail(error)
                fields = {
                    "message_id": received.id,
                    "receive_count": received.receive_count,
                    "job_id": received.attributes.get("JobId"),
                    "error": str(error),
                }
                log.warning("service.media.dispatch_jobs.left_in_queue", extra=fields)
                return False
        return True

    def _find(self, message: JobMessage) -> tuple[Job, Batch]:
        job = self.media.get_job_by_id(message.job_id)
        batch = self.media.get_batch_by_id(job.batch_id, include_deleted=True)
        if (batch.id, batch.listing_id) != (message.batch_id, message.listing_id):
            raise Invalid(
                f"Job {job.id} does not belong to batch {message.batch_id} of listing {message.listing_id}."
            )
        return job, batch

    def _start(self, message: JobMessage, job: Job, batch: Batch) -> None:
        if job.status.terminal:
            return  # The job failed before its start, or this is a second copy of its message.
        if batch.deleted_at:
            self.handle_callback(ProcessingCallback.failed(job.id, DELETED_BEFORE_START))
            return
        arn = self.workflow.start(job.execution_name, message.execution_input)
        self.handle_callback(ProcessingCallback(job.id, CallbackStatus.RUNNING, external_id=arn))
        fields = {"job_id": job.id, "execution_arn": arn}
        log.info("service.media.dispatch_jobs.started", extra=batch.log_fields | fields)
