"""
The rule by which the end of a batch advances its listing to PENDING_OWNER_APPROVAL.
"""

from harness.service.core.model.access_policy import AccessPolicy
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.listing import Listing, ListingStatus
from harness.service.core.ports.media_repository import MediaTransaction

READY_BATCHES_MAX = 1000
"""More READY batches than a listing has in practice."""


def advance_listing(tx: MediaTransaction, policy: AccessPolicy, listing: Listing) -> None:
    """
    Advance *listing* if a READY batch may advance it and no batch of the listing is in the pipeline.

    Called whenever a job ends its batch, READY or FAILED: the order of the ends must not matter. FAILED
    batches do not hold the listing back. A listing in any other status than PENDING_PHOTO_PROCESSING stays.
    """
    before, after = ListingStatus.PENDING_PHOTO_PROCESSING, ListingStatus.PENDING_OWNER_APPROVAL
    if tx.lock_listing(listing.id) is not before:
        return
    in_pipeline = [status for status in BatchStatus if status.in_pipeline]
    if tx.list_batches_by_listing(listing.id, statuses=in_pipeline, limit=1):
        return
    ready = tx.list_batches_by_listing(listing.id, statuses=[BatchStatus.READY], limit=READY_BATCHES_MAX)
    if any(policy.may_advance(listing, batch.family) for batch in ready):
        tx.advance_listing(listing.id, expected=before, to=after)
