"""Use case: process a READY or FAILED batch again."""

import logging
from dataclasses import dataclass

from harness.service.core.model.access_policy import AccessPolicy, Caller
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import NewJob
from harness.service.core.model.request_reason import checked_reason
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository, MediaTransaction
from harness.service.core.use_cases.enqueue_job import enqueue_job
from harness.service.core.use_cases.error_handling import retry_after_deadlock

OPEN = (BatchStatus.PENDING_UPLOAD, BatchStatus.RECEIVED, BatchStatus.PROCESSING)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetriedJob:
    job_id: JobId
    status: BatchStatus


@dataclass(frozen=True, slots=True)
class RetryMediaBatch:
    """Create a new job for a READY or FAILED batch; the earlier derived objects stay until it succeeds."""

    media: MediaRepository
    listings: ListingRepository
    clock: Clock
    instruments: Instruments
    policy: AccessPolicy

    @retry_after_deadlock
    def __call__(
        self,
        caller: Caller,
        listing_id: ListingId,
        batch_id: BatchId,
        reason: str,
        *,
        traceparent: str | None = None,
    ) -> RetriedJob:
        """
        Create the job.

        Raises:
            Invalid: The reason is missing or too long.
            ListingNotFound, BatchNotFound: The listing does not exist or has no such batch.
            NotPhotographer, NotOwner, ProjectNotAllowed: The caller does not have the permission.
            BatchStatusInvalid: The batch is neither READY nor FAILED, or its upload was never completed.
            BatchConflict: Another open batch of the listing has the same reference.
            Unavailable: The database does not answer.
        """
        reason = checked_reason(reason)
        listing = self.listings.get_listing(listing_id)
        batch = self.media.get_batch_by_id(batch_id)
        batch.must_belong_to(listing.id)
        self.policy.must_control(caller, listing, batch.family)

        with self.media.transaction() as tx:
            # The listing first: a batch in the pipeline keeps the listing from advancing.
            tx.lock_listing(listing.id)
            before = tx.get_batch_by_id(batch_id, for_update=True)
            batch = before.retry(at=self.clock.now())
            _must_be_only(batch, tx)
            tx.update_batch_status(batch, expected=before.status)
            new_job = NewJob.of(
                batch,
                attempt=1 + max((job.attempt for job in tx.list_jobs_by_batch(batch.id)), default=0),
                traceparent=traceparent,
                requestedBy=int(caller.user_id),
                reason=reason,
            )
            job = enqueue_job(tx, batch, new_job)

        self.instruments.reprocess_requested()
        self.instruments.batch_entered(batch.status)
        fields = batch.log_fields | {"job_id": job.id, "reason": reason}
        log.info("service.media.retry_media_batch.requested", extra=fields)
        return RetriedJob(job.id, batch.status)


def _must_be_only(batch: Batch, tx: MediaTransaction) -> None:
    """Check that no other open batch uses the reference: the batch released it when it ended."""
    # The batch itself has ended: it is not among the open ones.
    if tx.list_batches_by_listing(batch.listing_id, statuses=OPEN, reference=batch.reference, limit=1):
        raise batch.reference_conflict()
