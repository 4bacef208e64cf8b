"""Use case: create a batch and sign an upload URL for each file."""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.service.core.errors import (
    BatchConflict,
    FieldError,
    ListingNotFound,
    ListingStatusInvalid,
    ManifestInvalid,
)
from harness.service.core.model.access_policy import AccessPolicy, Caller
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.job_message import must_fit
from harness.service.core.model.listing import Listing
from harness.service.core.model.manifest import ManifestFile, UploadLimits
from harness.service.core.model.media_type import Family
from harness.service.core.model.object_key import raw_keys
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage, SignedUpload
from harness.service.core.use_cases.error_handling import retry_after_deadlock

REFERENCE_LENGTH = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UploadSlot:
    """The upload of one file: PUT it to ``signed.url`` with exactly ``signed.headers``."""

    file: ManifestFile
    key: str
    signed: SignedUpload


@dataclass(frozen=True, slots=True)
class CreatedBatch:
    """A batch that waits for its files; its URLs are valid for ``upload_ttl`` seconds."""

    batch_id: BatchId
    upload_ttl: int
    slots: tuple[UploadSlot, ...]


@dataclass(frozen=True, slots=True)
class CreateUploadBatch:
    """Create a batch on a listing that accepts uploads. The URLs are valid for ``upload_ttl`` seconds."""

    media: MediaRepository
    listings: ListingRepository
    storage: ObjectStorage
    clock: Clock
    instruments: Instruments
    policy: AccessPolicy
    limits: UploadLimits
    upload_ttl: int = 900

    @retry_after_deadlock
    def __call__(
        self,
        caller: Caller,
        listing_id: ListingId,
        batch_reference: str,
        files: Sequence[ManifestFile],
        *,
        replaces: BatchId | None = None,
    ) -> CreatedBatch:
        """
        Create the batch. The batch *replaces* is deleted once the new one is READY.

        Raises:
            ManifestInvalid: The reference or a file is not valid, or the batch is too large for the pipeline.
            ListingNotFound: The listing does not exist.
            NotPhotographer, NotOwner, ProjectNotAllowed: The caller does not have the permission.
            ListingStatusInvalid: The listing does not accept uploads in its current status.
            BatchNotFound: The listing has no batch *replaces*.
            BatchConflict: The listing has an open batch with this reference, or *replaces* has files of the
                other family.
            Unavailable: The database does not answer.
        """
        reference = _reference(batch_reference)
        family = self.limits.check(files)
        listing = self.listings.get_listing(listing_id)
        self.policy.must_control(caller, listing, family)
        self._must_accept_uploads(listing, family)

        batch_id = BatchId(str(uuid.uuid4()))
        keys = raw_keys(listing.id, batch_id, files)
        slots = tuple(self._slot(file, key) for file, key in zip(files, keys, strict=True))
        uploads = tuple(Upload(slot.file, slot.key) for slot in slots)
        must_fit(uploads)
        status, now = BatchStatus.PENDING_UPLOAD, self.clock.now()
        uploaded_by = caller.user_id
        batch = Batch(
            batch_id, listing.id, reference, uploaded_by, status, uploads, issued_at=now, replaces=replaces
        )
        with self.media.transaction() as tx:
            # The lock prevents that another request creates or retries a batch with this reference now.
            locked = tx.lock_listing(listing.id)
            if locked is None:
                raise ListingNotFound(f"There is no listing {listing.id}.")
            self._must_accept_uploads(replace(listing, status=locked), family)
            if replaces:
                _must_be_replaceable(tx.get_batch_by_id(replaces), batch)
            tx.create_batch(batch)

        self.instruments.batch_entered(batch.status)
        log.info("service.media.create_upload_batch.created", extra=batch.log_fields | {"files": len(slots)})
        return CreatedBatch(batch_id, self.upload_ttl, slots)

    def _must_accept_uploads(self, listing: Listing, family: Family) -> None:
        if not self.policy.accepts_uploads(listing, family):
            raise ListingStatusInvalid(f"Listing {listing.id} does not accept uploads in its current status.")

    def _slot(self, file: ManifestFile, key: str) -> UploadSlot:
        signed = self.storage.sign_upload(
            key, content_type=file.content_type, checksum=file.checksum, ttl=self.upload_ttl
        )
        return UploadSlot(file, key, signed)


def _must_be_replaceable(replaced: Batch, batch: Batch) -> None:
    """Check that a batch has the listing and the family of *batch*: then the caller controls both."""
    replaced.must_belong_to(batch.listing_id)
    if replaced.family is not batch.family:
        raise BatchConflict(f"Batch {replaced.id} has files of the other family; it cannot be replaced.")


def _reference(text: str) -> str:
    reference = text.strip()
    if not 1 <= len(reference) <= REFERENCE_LENGTH:
        error = FieldError("batchReference", f"must be 1 to {REFERENCE_LENGTH} characters")
        raise ManifestInvalid("The batch reference is missing or too long.", [error])
    return reference
