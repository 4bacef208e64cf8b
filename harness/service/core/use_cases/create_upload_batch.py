"""
Use case: announce a batch and get a URL for each file.
"""

import logging
import uuid
from dataclasses import dataclass

from harness.service.core.errors import FieldError, ListingStatusInvalid, ManifestInvalid
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.listing import AccessPolicy, Caller
from harness.service.core.model.manifest import ManifestFile, UploadLimits
from harness.service.core.model.object_key import raw_keys
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage, SignedUpload

REFERENCE_LENGTH = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CreateUploadBatchRequest:
    listing_id: ListingId
    batch_reference: str
    files: tuple[ManifestFile, ...]


@dataclass(frozen=True, slots=True)
class UploadSlot:
    """Where one file goes: PUT it to ``signed.url`` with exactly ``signed.headers``."""

    file: ManifestFile
    key: str
    signed: SignedUpload


@dataclass(frozen=True, slots=True)
class CreatedBatch:
    """A batch that waits for its files; ``upload_ttl`` is the life of its URLs [s]."""

    batch_id: BatchId
    upload_ttl: int
    slots: tuple[UploadSlot, ...]


@dataclass(frozen=True, slots=True)
class CreateUploadBatch:
    """
    Open a batch on a listing that takes uploads. ``upload_ttl`` in seconds.
    """

    media: MediaRepository
    listings: ListingRepository
    storage: ObjectStorage
    clock: Clock
    instruments: Instruments
    policy: AccessPolicy
    limits: UploadLimits
    upload_ttl: int = 900

    def __call__(self, caller: Caller, request: CreateUploadBatchRequest) -> CreatedBatch:
        """
        Raises:
            ManifestInvalid: The reference or a file breaks a rule.
            ListingNotFound: There is no such listing.
            NotPhotographer, NotOwner, ProjectNotAllowed: The caller may not.
            ListingStatusInvalid: The listing does not take uploads now.
            BatchConflict: A live, open batch of the listing has this reference.
        """
        reference = _reference(request.batch_reference)
        family = self.limits.check(request.files)
        listing = self.listings.get_listing(request.listing_id)
        self.policy.must_control(caller, listing, family)
        if not self.policy.takes_uploads(listing.status, family):
            raise ListingStatusInvalid(f"Listing {listing.id} does not take uploads in its present status.")

        batch_id = BatchId(str(uuid.uuid4()))
        keys = raw_keys(listing.id, batch_id, request.files)
        slots = tuple(self._slot(file, key) for file, key in zip(request.files, keys, strict=True))
        batch = Batch(
            id=batch_id,
            listing_id=listing.id,
            reference=reference,
            uploaded_by=caller.user_id,
            status=BatchStatus.PENDING_UPLOAD,
            uploads=tuple(Upload(slot.file, slot.key) for slot in slots),
            issued_at=self.clock.now(),
        )
        with self.media.transaction() as tx:
            # Nobody else may open a batch of this reference meanwhile, neither here nor by a retry.
            tx.lock_listing(listing.id)
            tx.create_batch(batch)

        self.instruments.batch_entered(batch.status)
        log.info(
            "service.media.create_upload_batch.created",
            extra={"listing_id": listing.id, "batch_id": batch_id, "files": len(slots)},
        )
        return CreatedBatch(batch_id, self.upload_ttl, slots)

    def _slot(self, file: ManifestFile, key: str) -> UploadSlot:
        signed = self.storage.sign_upload(
            key, content_type=file.content_type, checksum=file.checksum, ttl=self.upload_ttl
        )
        return UploadSlot(file, key, signed)


def _reference(text: str) -> str:
    reference = text.strip()
    if not 1 <= len(reference) <= REFERENCE_LENGTH:
        complaint = FieldError("batchReference", f"must be 1 to {REFERENCE_LENGTH} characters")
        raise ManifestInvalid("The batch reference is missing or too long.", [complaint])
    return reference
