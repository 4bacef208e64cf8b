"""
Port: batches, assets, jobs and the outbox.

A read outside a transaction sees committed data. Every write needs a transaction. Every method raises
`Unavailable` if the database does not answer.

Use cases lock first and read afterwards, always the listing before the batch. A read after a lock sees all
data that were committed before the lock was granted (MySQL: READ COMMITTED), and the fixed order prevents
deadlocks. A job has no lock: a use case that changes a job holds the lock of its batch.
"""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, MediaStage
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.job_message import JobMessage
from harness.service.core.model.listing import ListingStatus


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message to be sent; ``id`` increases with time, ``attempts`` counts the failed attempts to send."""

    id: int
    message: JobMessage
    attempts: int = 0
    sent_at: datetime | None = None


class MediaReads(Protocol):
    """The queries, inside and outside a transaction."""

    @abstractmethod
    def get_batch_by_id(
        self, batch_id: BatchId, *, for_update: bool = False, include_deleted: bool = False
    ) -> Batch:
        """
        Return a batch, or raise `BatchNotFound`; a soft-deleted batch is found only with *include_deleted*.

        *for_update* locks its row until the transaction ends; outside a transaction it has no effect.
        """

    @abstractmethod
    def list_batches_by_listing(
        self,
        listing_id: ListingId,
        *,
        statuses: Sequence[BatchStatus] = (),
        include_deleted: bool = False,
        succeeded: bool = False,
        replaces: BatchId | None = None,
        reference: str | None = None,
        limit: int = 20,
    ) -> list[Batch]:
        """
        Return batches of a listing, newest first; without *statuses* in any status.

        With *succeeded* only batches that have a job that succeeded, whatever their later jobs did. With
        *replaces* only batches that replace this one, with *reference* only batches with this reference.
        """

    @abstractmethod
    def list_recent_batches(self, *, include_deleted: bool = False, limit: int = 20) -> list[Batch]:
        """Return the newest batches of all listings, newest first."""

    @abstractmethod
    def list_batches_by_status(
        self, statuses: Sequence[BatchStatus], *, issued_before: datetime, limit: int = 200
    ) -> list[Batch]:
        """Return batches in *statuses* that are not deleted and were issued before a time, oldest first."""

    @abstractmethod
    def list_batches_to_tag(self, *, issued_before: datetime, limit: int = 20) -> list[Batch]:
        """
        Return batches with a ``pending_stage`` that were issued before a time, the deleted ones first.

        The upload URLs of a younger batch may still be used, also after its completion.
        """

    @abstractmethod
    def list_assets_by_batch(self, batch_id: BatchId) -> list[Asset]:
        """Return the assets of a batch: uploads by sequence, then the ZIPs of its jobs, oldest first."""

    @abstractmethod
    def get_job_by_id(self, job_id: JobId) -> Job:
        """Return a job, or raise `JobNotFound`."""

    @abstractmethod
    def list_jobs_by_batch(self, batch_id: BatchId) -> list[Job]:
        """Return the jobs of a batch, newest first."""

    @abstractmethod
    def list_jobs_by_status(
        self, statuses: Sequence[JobStatus], *, after: JobId | None = None, limit: int = 200
    ) -> list[Job]:
        """Return jobs in *statuses*, oldest first, starting after the job *after*."""

    @abstractmethod
    def count_inflight_jobs(self) -> int:
        """Return the number of jobs that are PENDING or RUNNING."""

    @abstractmethod
    def list_outbox(self, *, limit: int = 100) -> list[OutboxEntry]:
        """Return unsent messages, oldest first."""

    @abstractmethod
    def get_last_message(self, job_id: JobId) -> OutboxEntry | None:
        """Return the newest outbox entry of a job, sent or not; None if the job has none."""


class MediaTransaction(MediaReads, Protocol):
    """The queries and commands inside one transaction."""

    @abstractmethod
    def lock_listing(self, listing_id: ListingId) -> ListingStatus | None:
        """
        Lock a listing until the transaction ends and return its status; None if it is deleted.

        A use case that moves a batch into or out of the pipeline takes this lock before the lock of the
        batch. Without it, two batches of a listing that finish at the same time could each see the other as
        still processing, and neither would advance the listing.
        """

    @abstractmethod
    def create_batch(self, batch: Batch) -> None:
        """Store a new batch; raise `BatchConflict` if an open batch of the listing has its reference."""

    @abstractmethod
    def update_batch_status(self, batch: Batch, *, expected: BatchStatus) -> None:
        """
        Store the new status, times, error and metadata of a batch.

        Raises:
            BatchStatusInvalid: The stored status is not *expected*.
        """

    @abstractmethod
    def soft_delete_batch(self, batch: Batch) -> None:
        """
        Store ``deleted_at`` and the metadata of a batch; its jobs and assets stay.

        Raises:
            BatchNotFound: The batch does not exist, or is deleted already.
        """

    @abstractmethod
    def set_media_stage(self, batch_id: BatchId, stage: MediaStage | None) -> None:
        """Store the tag that the objects of a batch have; None makes the batch pending again."""

    @abstractmethod
    def create_asset(self, asset: Asset) -> None:
        """Store one asset."""

    @abstractmethod
    def upsert_assets(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        """Insert or update assets by ``source_key`` and type; the other assets of the batch do not change."""

    @abstractmethod
    def create_job(self, job: NewJob) -> Job:
        """Store a PENDING job and return it with its id."""

    @abstractmethod
    def update_job(self, job: Job) -> None:
        """Store the status, external id, output and times of a job."""

    @abstractmethod
    def advance_listing(self, listing_id: ListingId, *, expected: ListingStatus, to: ListingStatus) -> bool:
        """Set the status of the listing's active version if it is *expected*; return whether it was."""

    @abstractmethod
    def add_to_outbox(self, message: JobMessage) -> None:
        """Store a message to be sent after the transaction is committed."""

    @abstractmethod
    def mark_sent(self, entry_id: int, *, at: datetime) -> None:
        """Mark an outbox entry as acknowledged by the queue."""

    @abstractmethod
    def mark_send_failed(self, entry_id: int, detail: str) -> None:
        """Count a failed attempt to send; the entry stays in the outbox."""

    @abstractmethod
    def record_dead_letter(self, message_id: str, job_id: JobId | None, body: str, *, at: datetime) -> bool:
        """Store a dead letter by its queue message id; return False if it is stored already."""


class MediaRepository(MediaReads, Protocol):
    @abstractmethod
    def transaction(self) -> AbstractContextManager[MediaTransaction]:
        """Open a transaction: committed at the end of the block, rolled back on an exception."""

    @abstractmethod
    def ping(self) -> None:
        """Raise `Unavailable` if the database does not answer."""
