"""
The rule by which a READY batch advances its listing to PENDING_OWNER_APPROVAL.
"""

from harness.service.core.model.access_policy import AccessPolicy
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.listing import Listing, ListingStatus
from harness.service.core.ports.media_repository import MediaTransaction


def advance_listing(tx: MediaTransaction, policy: AccessPolicy, listing: Listing, batch: Batch) -> None:
    """
    Advance *listing* after *batch* became READY, if no other batch of the listing is in the pipeline.

    The caller holds the lock of the listing. A listing in any other status than PENDING_PHOTO_PROCESSING
    stays.
    """
    if not policy.may_advance(listing, batch.family):
        return
    in_pipeline = [status for status in BatchStatus if status.in_pipeline]
    if not tx.list_batches_by_listing(listing.id, statuses=in_pipeline, limit=1):
        before, after = ListingStatus.PENDING_PHOTO_PROCESSING, ListingStatus.PENDING_OWNER_APPROVAL
        tx.advance_listing(listing.id, expected=before, to=after)
