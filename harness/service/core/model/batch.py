"""
A batch: files of one listing that are uploaded and processed together.

::

    PENDING_UPLOAD ──receive──▶ RECEIVED ──start_processing──▶ PROCESSING ──mark_ready──▶ READY
          │                        │                               │  ▲                    │
          └──abandon──▶ FAILED ◀───┴────────────fail───────────────┘  └──────retry─────────┘ (and from FAILED)

Every arrow is a method; any other transition raises ``BatchStatusInvalid``. A batch outside the pipeline
may be deleted in any status: ``delete`` sets ``deleted_at`` and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from harness.service.core.errors import BatchConflict, BatchNotFound, BatchStatusInvalid
from harness.service.core.model.failure import UPLOAD_ABANDONED, Failure
from harness.service.core.model.identifiers import BatchId, ListingId, UserId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import Family


class BatchStatus(StrEnum):
    PENDING_UPLOAD = "PENDING_UPLOAD"
    RECEIVED = "RECEIVED"
    PROCESSING = "PROCESSING"
    READY = "READY"
    FAILED = "FAILED"

    @property
    def terminal(self) -> bool:
        return self in (BatchStatus.READY, BatchStatus.FAILED)

    @property
    def in_pipeline(self) -> bool:
        return self in (BatchStatus.RECEIVED, BatchStatus.PROCESSING)


class MediaStage(StrEnum):
    """The value of the tag ``media-stage`` of objects; the bucket's lifecycle rules select objects by it."""

    RAW_DONE = "raw-done"
    """A raw file of a batch that is READY: only a retry reads it again."""
    DELETED = "deleted"
    """Any object of a deleted batch."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the manifest and its object key; ``etag`` is known once the file is uploaded."""

    file: ManifestFile
    key: str
    etag: str | None = None

    @property
    def document(self) -> dict[str, object]:
        """The file as an element of ``assets`` in the input of the state machine."""
        return {
            "key": self.key,
            "type": self.file.media_type.value,
            "clientId": self.file.client_id,
            "filename": self.file.filename,
            "bytes": self.file.bytes,
            "checksum": self.file.checksum.hex,
            "contentType": self.file.content_type,
            "title": self.file.title,
            "sequence": self.file.sequence,
        }


@dataclass(frozen=True, slots=True)
class Batch:
    """
    One batch. Times are aware UTC datetimes.

    Attributes:
        uploaded_by: The photographer, owner or operator who created the batch
            (column ``photographer_user_id``).
        issued_at: When the upload URLs were signed.
        received_at: When the batch last entered the pipeline, by completion or by a retry.
        replaces: The batch that is deleted once this one is READY.
        media_stage: The tag that the objects of the batch have; None without a tag.
    """

    id: BatchId
    listing_id: ListingId
    reference: str
    uploaded_by: UserId
    status: BatchStatus
    uploads: tuple[Upload, ...]
    issued_at: datetime
    received_at: datetime | None = None
    processing_started_at: datetime | None = None
    processing_finished_at: datetime | None = None
    error_code: str | None = None
    error_detail: str | None = None
    deleted_at: datetime | None = None
    replaces: BatchId | None = None
    media_stage: MediaStage | None = None
    processing_metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        return self.uploads[0].file.media_type.family

    @property
    def bytes(self) -> int:
        return sum(upload.file.bytes for upload in self.uploads)

    @property
    def failure(self) -> Failure | None:
        """Why the batch failed; None in any other status."""
        return Failure(self.error_code, self.error_detail or "") if self.error_code else None

    @property
    def log_fields(self) -> dict[str, object]:
        """The ids that every log line about the batch contains."""
        return {"listing_id": self.listing_id, "batch_id": self.id}

    @property
    def pending_stage(self) -> MediaStage | None:
        """The tag that the objects of the batch must get; None if nothing has to be tagged."""
        if self.deleted_at:
            return None if self.media_stage is MediaStage.DELETED else MediaStage.DELETED
        untagged_ready = self.status is BatchStatus.READY and self.media_stage is None
        return MediaStage.RAW_DONE if untagged_ready else None

    def must_belong_to(self, listing_id: ListingId) -> None:
        """Raise `BatchNotFound` for another listing: its users must not learn that the batch exists."""
        if self.listing_id != listing_id:
            raise BatchNotFound(f"Listing {listing_id} has no batch {self.id}.")

    def reference_conflict(self) -> BatchConflict:
        """Return the error for another open batch of the listing with the same reference."""
        return BatchConflict(
            f"Listing {self.listing_id} already has an open batch with the reference {self.reference!r}."
        )

    def receive(self, uploads: tuple[Upload, ...], *, at: datetime) -> "Batch":
        """Return the batch as the pipeline receives it, once all files are in the bucket."""
        self._must_be(BatchStatus.PENDING_UPLOAD)
        return replace(self, status=BatchStatus.RECEIVED, uploads=uploads, received_at=at)

    def start_processing(self, *, at: datetime) -> "Batch":
        """Return the batch once its execution runs; a known start time stays."""
        self._must_be(BatchStatus.RECEIVED, BatchStatus.PROCESSING)
        started = self.processing_started_at or at
        return replace(self, status=BatchStatus.PROCESSING, processing_started_at=started)

    def mark_ready(self, *, at: datetime) -> "Batch":
        """Return the batch after a successful job."""
        self._must_be(BatchStatus.PROCESSING)
        return replace(
            self, status=BatchStatus.READY, processing_finished_at=at, error_code=None, error_detail=None
        )

    def fail(self, failure: Failure, *, at: datetime) -> "Batch":
        """Return the batch after a failed job."""
        self._must_be(BatchStatus.RECEIVED, BatchStatus.PROCESSING)
        return self._failed(failure, at)

    def abandon(self, *, at: datetime) -> "Batch":
        """Return the batch as failed because its upload was not completed in time."""
        self._must_be(BatchStatus.PENDING_UPLOAD)
        detail = "The upload URLs expired before the upload was completed."
        return self._failed(Failure(UPLOAD_ABANDONED, detail), at)

    def retry(self, *, at: datetime) -> "Batch":
        """Return the batch as it enters the pipeline again; its processing duration starts again."""
        self._must_be(BatchStatus.READY, BatchStatus.FAILED)
        if self.received_at is None:
            raise BatchStatusInvalid("The upload of the batch was never completed; create a new batch.")
        return replace(
            self,
            status=BatchStatus.PROCESSING,
            received_at=at,
            processing_started_at=None,
            processing_finished_at=None,
            error_code=None,
            error_detail=None,
        )

    def delete(self, *, at: datetime, **context: object) -> "Batch":
        """Return the batch as soft-deleted; *context*, e.g. who deleted it and why, stays with the batch."""
        self._must_be(BatchStatus.PENDING_UPLOAD, BatchStatus.READY, BatchStatus.FAILED)
        metadata = dict(self.processing_metadata) | {"deletion": context}
        return replace(self, deleted_at=at, processing_metadata=metadata)

    def _failed(self, failure: Failure, at: datetime) -> "Batch":
        return replace(
            self,
            status=BatchStatus.FAILED,
            processing_finished_at=at,
            error_code=failure.code,
            error_detail=failure.detail,
        )

    def _must_be(self, *allowed: BatchStatus) -> None:
        if self.status not in allowed:
            raise BatchStatusInvalid(f"The batch is {self.status}; it must be {' or '.join(allowed)}.")
