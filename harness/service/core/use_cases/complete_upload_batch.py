"""Use case: check that all files are in the bucket, and give the batch to the pipeline."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from harness.service.core.errors import (
    BatchStatusInvalid,
    ChecksumMismatch,
    FieldError,
    ListingStatusConflict,
    ManifestInvalid,
    SizeMismatch,
    UploadMissing,
    UploadUrlExpired,
)
from harness.service.core.model.access_policy import AccessPolicy, Caller
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.failure import UPLOAD_ABANDONED
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, NewJob
from harness.service.core.model.listing import ListingStatus
from harness.service.core.ports.clock import Clock
from harness.service.core.ports.instruments import Instruments
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.object_storage import ObjectStorage
from harness.service.core.use_cases.enqueue_job import enqueue_job
from harness.service.core.use_cases.error_handling import retry_after_deadlock

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file that the client reports as uploaded; size in bytes."""

    client_id: str
    key: str
    etag: str
    bytes: int


@dataclass(frozen=True, slots=True)
class AcceptedJob:
    """The job of the batch and its estimated duration [s]."""

    job_id: JobId
    status: BatchStatus
    estimated_duration: int


@dataclass(frozen=True, slots=True)
class CompleteUploadBatch:
    """
    Check that every file of the manifest is stored as announced, and create the first job of the batch.

    Attributes:
        upload_ttl: Validity of an upload URL [s]: a missing file is 409 within this time, 410 after it.
        estimated_duration: The duration in the response [s]; a constant, not a measurement.
    """

    media: MediaRepository
    listings: ListingRepository
    storage: ObjectStorage
    clock: Clock
    instruments: Instruments
    policy: AccessPolicy
    upload_ttl: int = 900
    estimated_duration: int = 300

    @retry_after_deadlock
    def __call__(
        self,
        caller: Caller,
        listing_id: ListingId,
        batch_id: BatchId,
        files: Sequence[UploadedFile],
        *,
        traceparent: str | None = None,
    ) -> AcceptedJob:
        """
        Complete the batch.

        Raises:
            ListingNotFound, BatchNotFound: The listing does not exist or has no such batch.
            NotPhotographer, NotOwner, ProjectNotAllowed: The caller does not have the permission.
            ListingStatusConflict: The listing no longer accepts uploads.
            BatchStatusInvalid: The batch was completed before.
            ManifestInvalid: The files of the request are not exactly the files of the batch.
            UploadMissing, SizeMismatch, ChecksumMismatch: A file is not stored as announced.
            UploadUrlExpired: A file is missing and can no longer be uploaded.
            Unavailable: The bucket or the database does not answer.
        """
        listing = self.listings.get_listing(listing_id)
        batch = self.media.get_batch_by_id(batch_id)
        batch.must_belong_to(listing.id)
        self.policy.must_control(caller, listing, batch.family)
        self._must_accept_files(batch, listing.status)
        uploads = _confirmed(batch, files)
        for upload in uploads:
            self._must_be_stored(upload, batch)

        batch, job = self._receive(caller, batch, uploads, traceparent)

        self.instruments.batch_entered(batch.status)
        log.info("service.media.complete_upload_batch.received", extra=batch.log_fields | {"job_id": job.id})
        return AcceptedJob(job.id, batch.status, self.estimated_duration)

    def _receive(
        self, caller: Caller, listed: Batch, uploads: tuple[Upload, ...], traceparent: str | None
    ) -> tuple[Batch, Job]:
        with self.media.transaction() as tx:
            status = tx.lock_listing(listed.listing_id)
            before = tx.get_batch_by_id(listed.id, for_update=True)
            self._must_accept_files(before, status)
            batch = before.receive(uploads, at=self.clock.now())
            tx.update_batch_status(batch, expected=before.status)
            tx.upsert_assets(batch.id, [Asset.uploaded(batch.id, upload) for upload in uploads])
            new_job = NewJob.of(batch, attempt=1, traceparent=traceparent, requestedBy=int(caller.user_id))
            job = enqueue_job(tx, batch, new_job)
        return batch, job

    def _must_accept_files(self, batch: Batch, listing_status: ListingStatus | None) -> None:
        # A late client gets the same error before and after the reconciler abandons the batch.
        if batch.error_code == UPLOAD_ABANDONED:
            message = "The upload URLs of the batch expired before it was completed; create a new batch."
            raise UploadUrlExpired(message)
        if batch.status is not BatchStatus.PENDING_UPLOAD:
            raise BatchStatusInvalid(f"The batch is {batch.status}; it must be PENDING_UPLOAD.")
        if not self.policy.accepts_completion(listing_status, batch.family):
            raise ListingStatusConflict(f"Listing {batch.listing_id} no longer accepts uploads.")

    def _must_be_stored(self, upload: Upload, batch: Batch) -> None:
        stored = self.storage.head(upload.key)
        if stored is None:
            if self.clock.now() > batch.issued_at + timedelta(seconds=self.upload_ttl):
                raise UploadUrlExpired(f"{upload.key} is missing and its upload URL has expired.")
            raise UploadMissing(f"{upload.key} is not in the bucket.")
        if stored.bytes != upload.file.bytes:
            raise SizeMismatch(f"{upload.key} has {stored.bytes} bytes, not {upload.file.bytes}.")
        # An object without checksum is a mismatch too: nothing proves that it is the announced file.
        if stored.checksum != upload.file.checksum:
            found = stored.checksum.hex if stored.checksum else "none"
            raise ChecksumMismatch(f"{upload.key} has SHA-256 {found}, not {upload.file.checksum.hex}.")


def _confirmed(batch: Batch, files: Sequence[UploadedFile]) -> tuple[Upload, ...]:
    """Return the uploads of the batch with the ETags of the request, after checking the request."""
    errors = list(_field_errors(batch, files))
    if errors:
        raise ManifestInvalid("The request must list exactly the files of the batch.", errors)
    sent = {file.client_id: file for file in files}
    for upload in batch.uploads:
        size = sent[upload.file.client_id].bytes
        if size != upload.file.bytes:
            raise SizeMismatch(f"{upload.key} was announced with {upload.file.bytes} bytes, not with {size}.")
    return tuple(replace(upload, etag=sent[upload.file.client_id].etag) for upload in batch.uploads)


def _field_errors(batch: Batch, files: Sequence[UploadedFile]) -> Iterable[FieldError]:
    keys = {upload.file.client_id: upload.key for upload in batch.uploads}
    seen: set[str] = set()
    for index, file in enumerate(files):
        if file.client_id not in keys:
            yield FieldError(f"files[{index}].clientId", "is not a file of the batch")
        elif file.client_id in seen:
            yield FieldError(f"files[{index}].clientId", "is repeated")
        elif file.key != keys[file.client_id]:
            yield FieldError(f"files[{index}].s3Key", "is not the key of this file")
        seen.add(file.client_id)
    yield from (FieldError("files", f"must include {name}") for name in keys if name not in seen)
