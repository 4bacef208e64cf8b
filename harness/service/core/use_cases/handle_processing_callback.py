"""
Use case: the pipeline tells how a job goes.

Whatever ends a job comes through here: the signed callback, a dead letter, the reconciler.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from harness.service.core.errors import CallbackInvalid, ListingNotFound
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.callback import AssetOutput, CallbackStatus, ProcessingCallback
from harness.service.core.model.failure import Failure
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.job import Job, JobStatus
from harness.service.core.model.listing import AccessPolicy, Listing, ListingStatus
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository, MediaTransaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallbackOutcome:
    """
    How job and batch stand afterwards.

    Attributes:
        entered: The statuses the batch went through; empty if the callback did not move it.
        changed: False if it told nothing new.
    """

    job: Job
    batch: Batch
    entered: tuple[BatchStatus, ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class HandleProcessingCallback:
    """
    Record what became of a job and move its batch, and perhaps the listing, accordingly.

    Told twice is told once: a job that has ended never changes again. Only the newest job moves its
    batch, and nothing moves a deleted one.
    """

    media: MediaRepository
    listings: ListingRepository
    clock: Clock
    instruments: Instruments
    policy: AccessPolicy

    def __call__(self, callback: ProcessingCallback) -> CallbackOutcome:
        """
        Raises:
            JobNotFound: Nobody created such a job.
            CallbackInvalid: The job belongs to another batch or listing than the callback says.
            Unavailable: The database does not answer.
        """
        job = self.media.get_job_by_id(callback.job_id)
        batch = self.media.get_batch_by_id(job.batch_id, include_deleted=True)
        _must_agree(callback, batch)
        listing = self._listing(batch.listing_id)

        with self.media.transaction() as tx:
            outcome = self._apply(tx, callback, batch.id, listing)

        self._report(callback, outcome)
        return outcome

    def _listing(self, listing_id: ListingId) -> Listing | None:
        try:
            return self.listings.get_listing(listing_id)
        except ListingNotFound:
            return None  # Deleted while its media were processed: there is nothing left to advance.

    def _apply(
        self, tx: MediaTransaction, callback: ProcessingCallback, batch_id: BatchId, listing: Listing | None
    ) -> CallbackOutcome:
        if listing is not None:
            tx.lock_listing(listing.id)
        batch = tx.get_batch_by_id(batch_id, for_update=True, include_deleted=True)
        jobs = tx.list_jobs_by_batch(batch.id)
        job = next(job for job in jobs if job.id == callback.job_id)
        if job.status.terminal:
            return CallbackOutcome(job, batch, entered=(), changed=False)

        now = self.clock.now()
        failure = _failure(callback, batch)
        told = _told(job, callback, failure, now)
        if told != job:
            tx.update_job(told)
        if batch.deleted_at or job.id != jobs[0].id or not batch.status.in_pipeline:
            return CallbackOutcome(told, batch, entered=(), changed=told != job)

        moves = _moves(batch, callback, failure, now)
        after = moves[-1]
        if after != batch:
            tx.update_batch_status(after, expected=batch.status)
        if after.status.terminal:
            self._store_assets(tx, callback, batch, failure)
        if after.status is BatchStatus.READY and listing is not None:
            self._advance(tx, listing, batch)
        entered = tuple(new.status for old, new in pairwise(moves) if new.status is not old.status)
        return CallbackOutcome(told, after, entered, changed=after != batch or told != job)

    def _store_assets(
        self, tx: MediaTransaction, callback: ProcessingCallback, batch: Batch, failure: Failure | None
    ) -> None:
        """
        Derived objects replace earlier ones only after a success. After a failure the files it failed
        on get their codes, and what people can download stays.
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
        for stranger in outputs.keys() - before.keys():
            log.warning(
                "service.media.handle_processing_callback.unknown_raw_key",
                extra={"listing_id": batch.listing_id, "batch_id": batch.id, "raw_key": stranger},
            )

    def _advance(self, tx: MediaTransaction, listing: Listing, batch: Batch) -> None:
        if not self.policy.advances(listing, batch.family):
            return
        pending = tx.list_batches_by_listing(
            listing.id, statuses=[BatchStatus.RECEIVED, BatchStatus.PROCESSING], limit=1
        )
        if not pending:
            tx.advance_listing(
                listing.id,
                expected=ListingStatus.PENDING_PHOTO_PROCESSING,
                to=ListingStatus.PENDING_OWNER_APPROVAL,
            )

    def _report(self, callback: ProcessingCallback, outcome: CallbackOutcome) -> None:
        batch = outcome.batch
        for status in outcome.entered:
            self.instruments.batch_entered(status)
        if outcome.entered and batch.received_at and batch.processing_finished_at:
            duration = batch.processing_finished_at - batch.received_at
            self.instruments.processing_finished(duration.total_seconds(), outcome=batch.status)
        event = "applied" if outcome.changed else "ignored"
        log.info(
            f"service.media.handle_processing_callback.{event}",
            extra={
                "listing_id": batch.listing_id,
                "batch_id": batch.id,
                "job_id": outcome.job.id,
                "callback_status": callback.status.value,
                "batch_status": batch.status.value,
                "error_code": batch.error_code,
            },
        )


def _must_agree(callback: ProcessingCallback, batch: Batch) -> None:
    if callback.batch_id not in (None, batch.id):
        raise CallbackInvalid(f"Job {callback.job_id} does not belong to batch {callback.batch_id}.")
    if callback.listing_id not in (None, batch.listing_id):
        raise CallbackInvalid(f"Job {callback.job_id} does not belong to listing {callback.listing_id}.")


def _failure(callback: ProcessingCallback, batch: Batch) -> Failure | None:
    if callback.status is CallbackStatus.RUNNING:
        return None
    return callback.failure_for([upload.key for upload in batch.uploads])


def _told(job: Job, callback: ProcessingCallback, failure: Failure | None, now: datetime) -> Job:
    """The job as the callback tells it; the same job if it tells nothing new."""
    if callback.began:
        job = job.run(job.external_id or callback.external_id, at=callback.started_at or now)
    if callback.status is CallbackStatus.RUNNING:
        return job
    status = JobStatus.FAILED if failure else JobStatus.SUCCEEDED
    return job.finish(status, callback.summary(failure), at=now)


def _moves(batch: Batch, callback: ProcessingCallback, failure: Failure | None, now: datetime) -> list[Batch]:
    """
    The batch before the callback and after each step it takes.

    A callback may overtake the dispatcher's own note that the run has started; the batch then goes
    through PROCESSING here.
    """
    moves = [batch]
    if callback.began:
        moves.append(batch.start_processing(at=_within(batch, callback.started_at, now)))
    if callback.status is CallbackStatus.RUNNING:
        return moves
    if failure:
        moves.append(moves[-1].fail(failure.code, failure.detail, at=now))
    else:
        moves.append(moves[-1].mark_ready(at=now))
    return moves


def _within(batch: Batch, started_at: datetime | None, now: datetime) -> datetime:
    """The start as the pipeline's clock saw it, kept between our own reception and now."""
    return min(max(started_at or now, batch.received_at or now), now)
