"""
Use case: apply a callback of the pipeline to its job, its batch and its listing.

Every end of a job is applied here: the signed callback, a dead letter, and the results of the reconciler.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from harness.service.core.errors import BatchNotFound, CallbackInvalid, ListingNotFound
from harness.service.core.model.access_policy import AccessPolicy
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.callback import AssetOutput, CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import Failure
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.job import Job, JobStatus
from harness.service.core.model.listing import Listing
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository, MediaTransaction
from harness.service.core.use_cases.advance_listing import advance_listing
from harness.service.core.use_cases.error_handling import retry_after_deadlock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallbackOutcome:
    """Job and batch after the callback, the statuses that the batch entered, and whether anything changed."""

    job: Job
    batch: Batch
    entered: tuple[BatchStatus, ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class HandleProcessingCallback:
    """
    Apply a callback. A repeated callback has no effect, because a job that has ended does not change.

    Only the newest job changes its batch, and a deleted batch does not change.
    """

    media: MediaRepository
    listings: ListingRepository
    clock: Clock
    instruments: Instruments
    policy: AccessPolicy

    @retry_after_deadlock
    def __call__(self, callback: ProcessingCallback, *, expected: JobStatus | None = None) -> CallbackOutcome:
        """
        Apply the callback; with *expected*, only to a job that still has this status.

        Raises:
            JobNotFound: The job does not exist.
            CallbackInvalid: The job does not belong to the batch or listing of the callback, or a key does
                not belong to the batch.
            Unavailable: The database does not answer.
        """
        job = self.media.get_job_by_id(callback.job_id)
        batch = self.media.get_batch_by_id(job.batch_id, include_deleted=True)
        _must_agree(callback, batch)
        callback.must_belong_to(batch.listing_id, batch.id)
        listing = self._listing(batch.listing_id)

        with self.media.transaction() as tx:
            outcome = self._apply(tx, callback, batch.id, listing, expected)

        self._report(callback, outcome)
        return outcome

    def _listing(self, listing_id: ListingId) -> Listing | None:
        try:
            return self.listings.get_listing(listing_id)
        except ListingNotFound:
            return None  # Deleted while its media were processed.

    def _apply(
        self,
        tx: MediaTransaction,
        callback: ProcessingCallback,
        batch_id: BatchId,
        listing: Listing | None,
        expected: JobStatus | None,
    ) -> CallbackOutcome:
        if listing is not None:
            tx.lock_listing(listing.id)
        batch = tx.get_batch_by_id(batch_id, for_update=True, include_deleted=True)
        jobs = tx.list_jobs_by_batch(batch.id)
        job = next(job for job in jobs if job.id == callback.job_id)
        if job.status.terminal or expected not in (None, job.status):
            return CallbackOutcome(job, batch, entered=(), changed=False)

        now = self.clock.now()
        failure = _failure(callback, batch)
        updated = _updated(job, callback, failure, now)
        if updated != job:
            tx.update_job(updated)
        if batch.deleted_at or job.id != jobs[0].id or not batch.status.in_pipeline:
            return CallbackOutcome(updated, batch, entered=(), changed=updated != job)

        transitions = _transitions(batch, callback, failure, now)
        after = transitions[-1]
        if after != batch:
            tx.update_batch_status(after, expected=batch.status)
        if after.status.terminal:
            _store_assets(tx, callback, batch, failure)
            _delete_replaced(tx, after, now)
        if after.status.terminal and listing is not None:
            advance_listing(tx, self.policy, listing)
        entered = tuple(new.status for old, new in pairwise(transitions) if new.status is not old.status)
        return CallbackOutcome(updated, after, entered, changed=after != batch or updated != job)

    def _report(self, callback: ProcessingCallback, outcome: CallbackOutcome) -> None:
        batch = outcome.batch
        for status in outcome.entered:
            self.instruments.batch_entered(status)
        if outcome.entered and batch.received_at and batch.processing_finished_at:
            duration = batch.processing_finished_at - batch.received_at
            self.instruments.processing_finished(duration.total_seconds(), outcome=batch.status)
        fields = {
            "job_id": outcome.job.id,
            "callback_status": callback.status.value,
            "batch_status": batch.status.value,
            "error_code": batch.error_code,
        }
        event = "applied" if outcome.changed else "ignored"
        log.info(f"service.media.handle_processing_callback.{event}", extra=batch.log_fields | fields)


def _must_agree(callback: ProcessingCallback, batch: Batch) -> None:
    if callback.batch_id not in (None, batch.id):
        raise CallbackInvalid(f"Job {callback.job_id} does not belong to batch {callback.batch_id}.")
    if callback.listing_id not in (None, batch.listing_id):
        raise CallbackInvalid(f"Job {callback.job_id} does not belong to listing {callback.listing_id}.")


def _failure(callback: ProcessingCallback, batch: Batch) -> Failure | None:
    if callback.status is CallbackStatus.RUNNING:
        return None
    return callback.failure_for([upload.key for upload in batch.uploads])


def _updated(job: Job, callback: ProcessingCallback, failure: Failure | None, now: datetime) -> Job:
    """Return the job after the callback; an equal job if nothing changed."""
    if callback.proves_start:
        job = job.run(job.external_id or callback.external_id, at=callback.started_at or now)
    if callback.status is CallbackStatus.RUNNING:
        return job.report(callback.step) if callback.step else job
    status = JobStatus.FAILED if failure else JobStatus.SUCCEEDED
    return job.finish(status, callback.summary(failure), at=now)


def _transitions(
    batch: Batch, callback: ProcessingCallback, failure: Failure | None, now: datetime
) -> list[Batch]:
    """
    Return the batch before the callback and after each of its transitions.

    The callback may arrive before the dispatcher has recorded the start of the execution.
    """
    transitions = [batch]
    if callback.proves_start:
        transitions.append(batch.start_processing(at=_within(batch, callback.started_at, now)))
    if callback.status is CallbackStatus.RUNNING:
        return transitions
    last = transitions[-1]
    transitions.append(last.fail(failure, at=now) if failure else last.mark_ready(at=now))
    return transitions


def _within(batch: Batch, started_at: datetime | None, now: datetime) -> datetime:
    """Return the start time of the callback, limited to the time between reception and *now*."""
    return min(max(started_at or now, batch.received_at or now), now)


def _delete_replaced(tx: MediaTransaction, ended: Batch, now: datetime) -> None:
    """
    Delete the batch that a READY batch replaces, and a batch whose replacement has been READY.

    A batch in the pipeline is not deleted when its replacement gets READY, but when its own job ends.
    """
    if ended.status is BatchStatus.READY and ended.replaces:
        _delete_outside_pipeline(tx, ended.replaces, ended.id, now)
    replacements = tx.list_batches_by_listing(ended.listing_id, succeeded=True, replaces=ended.id, limit=1)
    if replacements:
        _delete_outside_pipeline(tx, ended.id, replacements[0].id, now)


def _delete_outside_pipeline(
    tx: MediaTransaction, batch_id: BatchId, replaced_by: BatchId, now: datetime
) -> None:
    try:
        batch = tx.get_batch_by_id(batch_id, for_update=True)
    except BatchNotFound:
        return  # Deleted before.
    if batch.status.in_pipeline:
        return
    tx.soft_delete_batch(batch.delete(at=now, replacedBy=replaced_by))
    fields = batch.log_fields | {"replaced_by": replaced_by}
    log.info("service.media.handle_processing_callback.replaced", extra=fields)


def _store_assets(
    tx: MediaTransaction, callback: ProcessingCallback, batch: Batch, failure: Failure | None
) -> None:
    """
    Store the results of a job that has ended.

    After a success the new derived objects replace the earlier ones. After a failure the failed files get
    their error codes, and the earlier derived objects stay available.
    """
    before = {asset.source_key: asset for asset in tx.list_assets_by_batch(batch.id)}
    outputs = {output.raw_key: output for output in callback.outputs}
    after = [
        before[upload.key].failed(outputs.get(upload.key, AssetOutput(upload.key)))
        if failure
        else before[upload.key].processed(outputs[upload.key])
        for upload in batch.uploads
    ]
    if callback.zip and not failure:
        after.append(Asset.bundle(batch.id, callback.zip))
    tx.upsert_assets(batch.id, [asset for asset in after if before.get(asset.source_key) != asset])
    for unknown in outputs.keys() - before.keys():
        log.warning(
            "service.media.handle_processing_callback.unknown_raw_key",
            extra=batch.log_fields | {"raw_key": unknown},
        )
