"""
Use case: find what got lost and finish it with the truth.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from harness.service.core.errors import BatchNotFound, CallbackInvalid
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import BATCH_DELETED, CALLBACK_LOST, STUCK_TIMEOUT, Failure
from harness.service.core.model.job import Job, JobStatus
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.workflow import ExecutionStatus, Workflow, WorkflowExecution
from harness.service.core.use_cases.handle_processing_callback import HandleProcessingCallback
from harness.service.core.use_cases.one_by_one import one_by_one

PAGE = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReconcileJobs:
    """
    Sweep over jobs that have not ended and uploads that were never completed. Times in seconds.

    ======================================  ==========================================================
    found                                   done
    ======================================  ==========================================================
    execution ended, no callback            what the callback would have said
    execution runs, job still PENDING       the job is marked RUNNING
    running for longer than *stuck_timeout* the job and its batch fail with ``STUCK_TIMEOUT``
    never started, message long gone        the message goes to the outbox again
    never started, batch deleted            the job fails, for the record
    upload never completed                  the batch fails with ``UPLOAD_ABANDONED``
    ======================================  ==========================================================

    Attributes:
        grace: Younger jobs are left alone, so that the engine is not asked about every healthy one.
        stuck_timeout: How long a job may run, and how long a sent message may go unheard.
        abandon_after: Age at which an open upload is given up: longer than its URLs live, because
            an upload that began in time may end late and still be completed.
    """

    media: MediaRepository
    workflow: Workflow
    clock: Clock
    instruments: Instruments
    handle_callback: HandleProcessingCallback
    grace: float = 120
    stuck_timeout: float = 1800
    abandon_after: float = 1800

    def __call__(self) -> int:
        """
        Return how many jobs and batches were set right.

        Raises:
            ExceptionGroup: Some could not be dealt with; the others had their turn.
        """
        return one_by_one([self._sweep_jobs, self._sweep_uploads], lambda sweep: sweep())

    def _sweep_jobs(self) -> int:
        jobs: list[Job] = []
        while page := self._page(jobs):
            jobs += page
        return one_by_one(jobs, self._repair)

    def _page(self, known: list[Job]) -> list[Job]:
        return self.media.list_jobs_by_status(
            [JobStatus.PENDING, JobStatus.RUNNING], after=known[-1].id if known else None, limit=PAGE
        )

    def _repair(self, job: Job) -> bool:
        batch = self.media.get_batch_by_id(job.batch_id, include_deleted=True)
        # A job without a start has waited since its batch was received, completed or retried.
        age = self._age(job.started_at or batch.received_at or batch.issued_at)
        if age < self.grace:
            return False
        execution = self.workflow.find(job.execution_name)
        if execution is None and job.status is JobStatus.PENDING:
            return self._never_started(job, batch)
        if execution is None or execution.status is ExecutionStatus.RUNNING:
            return self._unfinished(job, execution, age)
        return self._settle(_ended(job, execution))

    def _never_started(self, job: Job, batch: Batch) -> bool:
        if batch.deleted_at:
            failure = Failure(BATCH_DELETED, "The batch was deleted before its job was started.")
            return self._settle(ProcessingCallback(job.id, CallbackStatus.FAILED, failure=failure))
        with self.media.transaction() as tx:
            tx.get_batch_by_id(batch.id, for_update=True, include_deleted=True)
            last = tx.get_last_message(job.id)
            waiting = last is not None and (
                last.sent_at is None or self._age(last.sent_at) < self.stuck_timeout
            )
            if waiting or tx.get_job_by_id(job.id).status is not JobStatus.PENDING:
                return False
            tx.add_to_outbox(JobMessage.of(job, batch))
        log.warning("service.media.reconcile_jobs.message_lost", extra=_ids(batch) | {"job_id": job.id})
        return True

    def _unfinished(self, job: Job, execution: WorkflowExecution | None, age: float) -> bool:
        arn = execution.arn if execution else None
        if job.status is JobStatus.PENDING:
            return self._settle(ProcessingCallback(job.id, CallbackStatus.RUNNING, external_id=arn))
        if age < self.stuck_timeout:
            return False
        failure = Failure(STUCK_TIMEOUT, f"The job was still running after {age:.0f} s.")
        return self._settle(
            ProcessingCallback(job.id, CallbackStatus.TIMED_OUT, external_id=arn, failure=failure)
        )

    def _settle(self, callback: ProcessingCallback) -> bool:
        outcome = self.handle_callback(callback)
        if outcome.changed:
            log.warning(
                "service.media.reconcile_jobs.repaired",
                extra=_ids(outcome.batch)
                | {"job_id": outcome.job.id, "job_status": outcome.job.status.value},
            )
        return outcome.changed

    def _sweep_uploads(self) -> int:
        abandoned = self.media.list_batches_by_status(
            [BatchStatus.PENDING_UPLOAD],
            issued_before=self.clock.now() - timedelta(seconds=self.abandon_after),
            limit=PAGE,
        )
        return one_by_one(abandoned, self._abandon)

    def _abandon(self, listed: Batch) -> bool:
        try:
            with self.media.transaction() as tx:
                batch = tx.get_batch_by_id(listed.id, for_update=True)
                if batch.status is not BatchStatus.PENDING_UPLOAD:
                    return False
                abandoned = batch.abandon(at=self.clock.now())
                tx.update_batch_status(abandoned, expected=batch.status)
        except BatchNotFound:
            return False  # Deleted since it was listed.
        self.instruments.batch_entered(abandoned.status)
        log.info("service.media.reconcile_jobs.upload_abandoned", extra=_ids(abandoned))
        return True

    def _age(self, moment: datetime) -> float:
        return (self.clock.now() - moment).total_seconds()


def _ids(batch: Batch) -> dict[str, object]:
    return {"listing_id": batch.listing_id, "batch_id": batch.id}


def _ended(job: Job, execution: WorkflowExecution) -> ProcessingCallback:
    """What the callback of an execution that has ended would have said."""
    if execution.status is not ExecutionStatus.SUCCEEDED:
        status = CallbackStatus(execution.status.value)
        told = execution.error or execution.cause
        failure = Failure.read(execution.error or "", execution.cause or "", status) if told else None
        return ProcessingCallback(job.id, status, external_id=execution.arn, failure=failure)
    output = execution.output or {}
    posted = output.get("callback")
    document = posted["document"] if isinstance(posted, Mapping) and "document" in posted else output
    try:
        callback = ProcessingCallback.parse(document)
    except CallbackInvalid as error:
        failure = Failure(CALLBACK_LOST, f"The run succeeded, but what it made is not on record: {error}")
        return ProcessingCallback(job.id, CallbackStatus.FAILED, external_id=execution.arn, failure=failure)
    return replace(callback, job_id=job.id, external_id=execution.arn)
