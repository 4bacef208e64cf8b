"""
A batch: files of one listing, uploaded together, processed together.

::

    PENDING_UPLOAD ──receive──▶ RECEIVED ──start_processing──▶ PROCESSING ──mark_ready──▶ READY
          │                        │                               │  ▲                    │
          └──abandon──▶ FAILED ◀───┴────────────fail───────────────┘  └──────retry─────────┘ (and from FAILED)

Every arrow is a method; any other move raises ``BatchStatusInvalid``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from harness.service.core.errors import BatchNotFound, BatchStatusInvalid
from harness.service.core.model.failure import CODE_LENGTH, UPLOAD_ABANDONED
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


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of the manifest and the key it was given; ``etag`` is known once uploaded."""

    file: ManifestFile
    key: str
    etag: str | None = None

    @property
    def document(self) -> dict[str, object]:
        """The file as the state machine is told about it."""
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
        uploaded_by: The photographer, owner or operator who created it
            (column ``photographer_user_id``).
        issued_at: When the upload URLs were signed.
        received_at: When the files were handed to the pipeline, by completion or by the latest retry.
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
    processing_metadata: Mapping[str, object] = field(default_factory=dict)

    @property
    def family(self) -> Family:
        return self.uploads[0].file.media_type.family

    @property
    def bytes(self) -> int:
        return sum(upload.file.bytes for upload in self.uploads)

    def must_belong_to(self, listing_id: ListingId) -> None:
        """
        Raises:
            BatchNotFound: It is the batch of another listing, which is nobody's business here.
        """
        if self.listing_id != listing_id:
            raise BatchNotFound(f"Listing {listing_id} has no batch {self.id}.")

    def receive(self, uploads: tuple[Upload, ...], *, at: datetime) -> "Batch":
        """All files are in the bucket: hand the batch to the pipeline."""
        self._must_be(BatchStatus.PENDING_UPLOAD)
        return replace(self, status=BatchStatus.RECEIVED, uploads=uploads, received_at=at)

    def start_processing(self, *, at: datetime) -> "Batch":
        """The state machine runs. A batch already processing (a retry) keeps its start."""
        self._must_be(BatchStatus.RECEIVED, BatchStatus.PROCESSING)
        started = self.processing_started_at or at
        return replace(self, status=BatchStatus.PROCESSING, processing_started_at=started)

    def mark_ready(self, *, at: datetime) -> "Batch":
        self._must_be(BatchStatus.PROCESSING)
        return replace(
            self, status=BatchStatus.READY, processing_finished_at=at, error_code=None, error_detail=None
        )

    def fail(self, code: str, detail: str, *, at: datetime) -> "Batch":
        self._must_be(BatchStatus.RECEIVED, BatchStatus.PROCESSING)
        return replace(
            self,
            status=BatchStatus.FAILED,
            processing_finished_at=at,
            error_code=code[:CODE_LENGTH],
            error_detail=detail,
        )

    def abandon(self, *, at: datetime) -> "Batch":
        """The client never completed the upload and its URLs have expired."""
        self._must_be(BatchStatus.PENDING_UPLOAD)
        return replace(
            self,
            status=BatchStatus.FAILED,
            processing_finished_at=at,
            error_code=UPLOAD_ABANDONED,
            error_detail="The upload URLs expired before the upload was completed.",
        )

    def retry(self, *, at: datetime) -> "Batch":
        """Run the pipeline again; the clock of the processing duration starts anew."""
        self._must_be(BatchStatus.READY, BatchStatus.FAILED)
        if self.received_at is None:
            raise BatchStatusInvalid("The batch was abandoned before its files arrived; create a new one.")
        return replace(
            self,
            status=BatchStatus.PROCESSING,
            received_at=at,
            processing_started_at=None,
            processing_finished_at=None,
            error_code=None,
            error_detail=None,
        )

    def _must_be(self, *allowed: BatchStatus) -> None:
        if self.status not in allowed:
            wanted = " or ".join(allowed)
            raise BatchStatusInvalid(f"The batch is {self.status}; this needs {wanted}.")
