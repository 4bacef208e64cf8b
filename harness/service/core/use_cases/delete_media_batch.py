"""Use case: soft-delete a batch that is not in the pipeline."""

import logging
from dataclasses import dataclass
from datetime import datetime

from harness.service.core.model.access_policy import AccessPolicy, Caller
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.request_reason import checked_reason
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.use_cases.advance_listing import advance_listing
from harness.service.core.use_cases.error_handling import retry_after_deadlock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeletedBatch:
    batch_id: BatchId
    deleted_at: datetime


@dataclass(frozen=True, slots=True)
class DeleteMediaBatch:
    """
    Soft-delete a batch: from then on it is unknown to every request, and its reference is free.

    Its rows stay, with the reason and the user in the metadata. The worker tags its objects afterwards
    (`TagMediaObjects`), and the lifecycle rule of the bucket expires them.
    """

    media: MediaRepository
    listings: ListingRepository
    clock: Clock
    policy: AccessPolicy

    @retry_after_deadlock
    def __call__(self, caller: Caller, listing_id: ListingId, batch_id: BatchId, reason: str) -> DeletedBatch:
        """
        Delete the batch.

        Raises:
            Invalid: The reason is missing or too long.
            ListingNotFound, BatchNotFound: The listing does not exist or has no such batch.
            NotPhotographer, NotOwner, ProjectNotAllowed: The caller does not have the permission.
            BatchStatusInvalid: The batch is in the pipeline.
            Unavailable: The database does not answer.
        """
        reason = checked_reason(reason)
        listing = self.listings.get_listing(listing_id)
        batch = self.media.get_batch_by_id(batch_id)
        batch.must_belong_to(listing.id)
        self.policy.must_control(caller, listing, batch.family)

        with self.media.transaction() as tx:
            # The listing first, as everywhere: a callback locks the two in the same order.
            tx.lock_listing(listing.id)
            before = tx.get_batch_by_id(batch_id, for_update=True)
            now = self.clock.now()
            deleted = before.delete(at=now, requestedBy=int(caller.user_id), reason=reason)
            tx.soft_delete_batch(deleted)
            advance_listing(tx, self.policy, listing)

        fields = batch.log_fields | {"reason": reason}
        log.info("service.media.delete_media_batch.deleted", extra=fields)
        return DeletedBatch(batch.id, now)
