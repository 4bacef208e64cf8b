"""
Use case: run the pipeline again over a batch that has ended.
"""

import logging
from dataclasses import dataclass

from harness.service.core.errors import BatchConflict, FieldError, Invalid
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import NewJob
from harness.service.core.model.listing import AccessPolicy, Caller
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository, MediaTransaction

REASON_LENGTH = 500
OPEN = (BatchStatus.PENDING_UPLOAD, BatchStatus.RECEIVED, BatchStatus.PROCESSING)
MANY = 1000
"""More open batches than a listing ever has."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryMediaBatchRequest:
    listing_id: ListingId
    batch_id: BatchId
    reason: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class RetriedJob:
    job_id: JobId
    status: BatchStatus


@dataclass(frozen=True, slots=True)
class RetryMediaBatch:
    """
    Give a READY or FAILED batch a new job. What an earlier job made stays until the new one succeeds.
    """

    media: MediaRepository
    listings: ListingRepository
    clock: Clock
    instruments: Instruments
    policy: AccessPolicy

    def __call__(self, caller: Caller, request: RetryMediaBatchRequest) -> RetriedJob:
        """
        Raises:
            Invalid: The reason is missing or too long.
            ListingNotFound, BatchNotFound: There is no such listing, or no such batch on it.
            NotPhotographer, NotOwner, ProjectNotAllowed: The caller may not.
            BatchStatusInvalid: The batch is neither READY nor FAILED.
            BatchConflict: An open batch of the listing has taken over its reference.
            Unavailable: The database does not answer.
        """
        reason = _reason(request.reason)
        listing = self.listings.get_listing(request.listing_id)
        batch = self.media.get_batch_by_id(request.batch_id)
        batch.must_belong_to(listing.id)
        self.policy.must_control(caller, listing, batch.family)

        with self.media.transaction() as tx:
            # A batch that enters the pipeline holds the listing back, so its lock comes first.
            tx.lock_listing(listing.id)
            before = tx.get_batch_by_id(request.batch_id, for_update=True)
            batch = before.retry(at=self.clock.now())
            _must_be_only(batch, tx)
            tx.update_batch_status(batch, expected=before.status)
            order = NewJob.of(
                batch,
                attempt=1 + max((job.attempt for job in tx.list_jobs_by_batch(batch.id)), default=0),
                traceparent=request.traceparent,
                requestedBy=int(caller.user_id),
                reason=reason,
            )
            job = tx.create_job(order)
            # Same transaction as the job: a job without its message would wait for ever.
            tx.add_to_outbox(JobMessage.of(job, batch))

        self.instruments.reprocess_requested()
        self.instruments.batch_entered(batch.status)
        log.info(
            "service.media.retry_media_batch.requested",
            extra={"listing_id": listing.id, "batch_id": batch.id, "job_id": job.id, "reason": reason},
        )
        return RetriedJob(job.id, batch.status)


def _must_be_only(batch: Batch, tx: MediaTransaction) -> None:
    """An ended batch frees its reference; it cannot come back while another one uses it."""
    open_batches = tx.list_batches_by_listing(batch.listing_id, statuses=OPEN, limit=MANY)
    if any(other.reference == batch.reference and other.id != batch.id for other in open_batches):
        raise BatchConflict(f"Another open batch of the listing has the reference {batch.reference!r}.")


def _reason(text: str) -> str:
    reason = text.strip()
    if not 1 <= len(reason) <= REASON_LENGTH:
        complaint = FieldError("reason", f"must be 1 to {REASON_LENGTH} characters")
        raise Invalid("A retry needs a reason.", [complaint])
    return reason
