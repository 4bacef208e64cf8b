"""Use case: repair jobs whose message or callback was lost, and abandon uploads that were not completed."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.service.core.errors import BatchNotFound, CallbackInvalid
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import CALLBACK_LOST, DELETED_BEFORE_START, STUCK_TIMEOUT, Failure
from harness.service.core.model.job import Job, JobStatus
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.tracer import SpanKind, Tracer
from harness.service.core.ports.workflow import ExecutionStatus, Workflow, WorkflowExecution
from harness.service.core.use_cases.error_handling import isolate_errors, retry_after_deadlock
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback

PAGE_SIZE = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReconcileJobs:
    """
    Check all jobs that have not ended and all uploads that were not completed. Times in seconds.

    ======================================  ==========================================================
    state                                   action
    ======================================  ==========================================================
    execution ended, callback missing       READY if its bundle was made, else FAILED with its error
    execution runs, job still PENDING       mark the job as RUNNING
    running for longer than *stuck_timeout* READY if the bundle was made, else FAILED, ``STUCK_TIMEOUT``
    not started, message lost               put the message into the outbox again
    RUNNING, execution unknown              the same, until *stuck_timeout*: the execution starts again
    not started, batch deleted              fail the job
    upload not completed                    fail the batch with ``UPLOAD_ABANDONED``
    ======================================  ==========================================================

    Attributes:
        grace: Jobs below this age are skipped, so that healthy jobs cause no calls to the workflow service.
            A job whose execution is unknown is sent again after as long.
        stuck_timeout: How long a job may run, and how long a sent message may stay without effect.
        abandon_after: Age at which an upload that is not completed is abandoned. It is longer than the URLs
            are valid: an upload that started in time may end later and still be completed.
    """

    media: MediaRepository
    workflow: Workflow
    clock: Clock
    instruments: Instruments
    handle_callback: HandleProcessingCallback
    tracer: Tracer
    grace: float = 120
    stuck_timeout: float = 1800
    abandon_after: float = 1800

    def __call__(self) -> int:
        """Return how many jobs and batches were repaired; errors are raised as a group at the end."""
        return isolate_errors([self._repair_jobs, self._abandon_uploads], lambda step: step())

    def _repair_jobs(self) -> int:
        jobs: list[Job] = []
        while page := self.media.list_jobs_by_status(
            [JobStatus.PENDING, JobStatus.RUNNING], after=jobs[-1].id if jobs else None, limit=PAGE_SIZE
        ):
            jobs += page
        return isolate_errors(jobs, self._repair)

    def _repair(self, job: Job) -> bool:
        batch = self.media.get_batch_by_id(job.batch_id, include_deleted=True)
        # A job that has not started has waited since its batch entered the pipeline.
        age = self._age(job.started_at or batch.received_at or batch.issued_at)
        if age < self.grace:
            return False
        execution = self.workflow.find(job.execution_name)
        if execution is None and job.status is JobStatus.PENDING:
            return self._send_again(job, batch, after=self.stuck_timeout)
        if execution is None and age < self.stuck_timeout:
            return self._send_again(job, batch, after=self.grace)
        if execution is None or execution.status is ExecutionStatus.RUNNING:
            return self._repair_unfinished(job, batch, execution, age)
        return self._repair_ended(job, batch, execution)

    def _send_again(self, job: Job, batch: Batch, *, after: float) -> bool:
        """Put the message of a job without an execution into the outbox, if the last was sent so long ago."""
        if batch.deleted_at:
            return self._apply(ProcessingCallback.failed(job.id, DELETED_BEFORE_START), job)
        with self.media.transaction() as tx:
            tx.get_batch_by_id(batch.id, for_update=True, include_deleted=True)
            last = tx.get_last_message(job.id)
            waiting = last and (last.sent_at is None or self._age(last.sent_at) < after)
            if waiting or tx.get_job_by_id(job.id).status is not job.status:
                return False
            tx.add_to_outbox(JobMessage.of(job, batch))
        log.warning("service.media.reconcile_jobs.message_lost", extra=batch.log_fields | {"job_id": job.id})
        return True

    def _repair_ended(self, job: Job, batch: Batch, execution: WorkflowExecution) -> bool:
        if execution.status is ExecutionStatus.SUCCEEDED:
            state = execution.output or {}
        elif (found := self.workflow.finished_work(execution.arn)) is not None:
            # It failed, or was stopped, while it tried to deliver the callback.
            state = found
        else:
            return self._apply(_failed(job, execution), job)
        return self._apply(_succeeded(job, batch, execution.arn, state), job)

    def _repair_unfinished(
        self, job: Job, batch: Batch, execution: WorkflowExecution | None, age: float
    ) -> bool:
        arn = execution.arn if execution else None
        if job.status is JobStatus.PENDING:
            return self._apply(ProcessingCallback(job.id, CallbackStatus.RUNNING, external_id=arn), job)
        if age < self.stuck_timeout:
            return False
        if execution and (state := self.workflow.finished_work(execution.arn)) is not None:
            return self._apply(_succeeded(job, batch, execution.arn, state), job)
        failure = Failure(STUCK_TIMEOUT, f"The job was still running after {age:.0f} s.")
        callback = ProcessingCallback(job.id, CallbackStatus.TIMED_OUT, external_id=arn, failure=failure)
        return self._apply(callback, job)

    def _apply(self, callback: ProcessingCallback, job: Job) -> bool:
        with self.tracer.hop(
            "reconcile_jobs",
            parent=job.traceparent,
            kind=SpanKind.INTERNAL,
            batch_id=job.batch_id,
            job_id=job.id,
        ):
            outcome = self.handle_callback(callback)
            if outcome.changed:
                fields = {"job_id": outcome.job.id, "job_status": outcome.job.status.value}
                log.warning("service.media.reconcile_jobs.repaired", extra=outcome.batch.log_fields | fields)
        return outcome.changed

    def _abandon_uploads(self) -> int:
        open_uploads = self.media.list_batches_by_status(
            [BatchStatus.PENDING_UPLOAD],
            issued_before=self.clock.now() - timedelta(seconds=self.abandon_after),
            limit=PAGE_SIZE,
        )
        return isolate_errors(open_uploads, self._abandon)

    @retry_after_deadlock
    def _abandon(self, listed: Batch) -> bool:
        try:
            with self.media.transaction() as tx:
                # The order of the completion, which may run at the same time.
                tx.lock_listing(listed.listing_id)
                batch = tx.get_batch_by_id(listed.id, for_update=True)
                if batch.status is not BatchStatus.PENDING_UPLOAD:
                    return False
                abandoned = batch.abandon(at=self.clock.now())
                tx.update_batch_status(abandoned, expected=batch.status)
        except BatchNotFound:
            return False  # Deleted after it was listed.
        self.instruments.batch_entered(abandoned.status)
        log.info("service.media.reconcile_jobs.upload_abandoned", extra=abandoned.log_fields)
        return True

    def _age(self, moment: datetime) -> float:
        return (self.clock.now() - moment).total_seconds()


def _failed(job: Job, execution: WorkflowExecution) -> ProcessingCallback:
    """Return the callback of an execution that ended before its work was done."""
    status = CallbackStatus(execution.status.value)
    error, cause = execution.error or "", execution.cause or ""
    failure = Failure.read(error, cause, status) if error or cause else None
    return ProcessingCallback(job.id, status, external_id=execution.arn, failure=failure)


def _succeeded(job: Job, batch: Batch, arn: str, state: Mapping[str, object]) -> ProcessingCallback:
    """Return the callback of finished work; it is checked like a callback that arrives over HTTP."""
    try:
        callback = ProcessingCallback.of_finished_work(job.id, arn, state)
        callback.must_belong_to(batch.listing_id, batch.id)
    except CallbackInvalid as error:
        detail = f"The execution succeeded, but its output has no valid result: {error}"
        failure = Failure(CALLBACK_LOST, detail)
        return ProcessingCallback(job.id, CallbackStatus.FAILED, external_id=arn, failure=failure)
    return callback
