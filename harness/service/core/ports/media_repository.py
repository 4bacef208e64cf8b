"""
Port: batches, assets, jobs and the outbox.

Reads outside a transaction see what is committed. Every write happens inside one.

Use cases lock first and read afterwards, always in the order listing, then batch: a read that follows
a lock sees everything committed before the lock was granted (MySQL: READ COMMITTED), and nobody waits
in a circle. A job has no lock of its own; whoever changes one holds the lock of its batch.
"""

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.listing import ListingStatus
from harness.service.core.model.message import JobMessage


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A message to be sent; ``id`` grows with time, ``attempts`` counts sends that did not get through."""

    id: int
    message: JobMessage
    attempts: int = 0
    sent_at: datetime | None = None


class MediaReads(Protocol):
    """What can be asked, inside a transaction or outside."""

    @abstractmethod
    def get_batch_by_id(
        self, batch_id: BatchId, *, for_update: bool = False, include_deleted: bool = False
    ) -> Batch:
        """
        Return a live batch, or with *include_deleted* any; *for_update* locks its row until the
        transaction ends (outside a transaction it means nothing).

        Raises:
            BatchNotFound: There is none, or it is soft-deleted.
        """

    @abstractmethod
    def list_batches_by_listing(
        self,
        listing_id: ListingId,
        *,
        statuses: Sequence[BatchStatus] = (),
        include_deleted: bool = False,
        limit: int = 20,
    ) -> list[Batch]:
        """Return batches of a listing, newest first; no *statuses* means any."""

    @abstractmethod
    def list_batches_by_status(
        self, statuses: Sequence[BatchStatus], *, issued_before: datetime, limit: int = 200
    ) -> list[Batch]:
        """Return live batches in *statuses* whose URLs were issued before a moment, oldest first."""

    @abstractmethod
    def list_assets_by_batch(self, batch_id: BatchId) -> list[Asset]:
        """Return all assets of a batch: uploads by sequence, then what the pipeline made, oldest first."""

    @abstractmethod
    def get_job_by_id(self, job_id: JobId) -> Job:
        """
        Raises:
            JobNotFound: There is none.
        """

    @abstractmethod
    def list_jobs_by_batch(self, batch_id: BatchId) -> list[Job]:
        """Return the jobs of a batch, newest first."""

    @abstractmethod
    def list_jobs_by_status(
        self, statuses: Sequence[JobStatus], *, after: JobId | None = None, limit: int = 200
    ) -> list[Job]:
        """Return jobs in *statuses*, oldest first, beginning behind the job *after*."""

    @abstractmethod
    def count_inflight_jobs(self) -> int:
        """Return how many jobs are PENDING or RUNNING."""

    @abstractmethod
    def list_outbox(self, *, limit: int = 100) -> list[OutboxEntry]:
        """Return unsent messages, oldest first."""

    @abstractmethod
    def get_last_message(self, job_id: JobId) -> OutboxEntry | None:
        """Return the newest outbox entry of a job, sent or not; None if it never had one."""


class MediaTransaction(MediaReads, Protocol):
    """One transaction: all of it happens, or none."""

    @abstractmethod
    def lock_listing(self, listing_id: ListingId) -> ListingStatus | None:
        """
        Lock a listing until the transaction ends and return its status; None if it is gone.

        Taken before the lock of a batch by whoever puts a batch into the pipeline or takes one out:
        two batches of a listing that finish together would otherwise each see the other still
        processing, and neither would advance the listing.
        """

    @abstractmethod
    def create_batch(self, batch: Batch) -> None:
        """
        Store a new batch.

        Raises:
            BatchConflict: A live, non-terminal batch of the listing has the same reference.
        """

    @abstractmethod
    def update_batch_status(self, batch: Batch, *, expected: BatchStatus) -> None:
        """
        Store a batch's new status, times, error and metadata, if it still is *expected*.

        Raises:
            BatchStatusInvalid: It is not, any more.
        """

    @abstractmethod
    def soft_delete_batch(self, batch_id: BatchId, *, at: datetime) -> None:
        """
        Hide a batch; its history stays.

        Raises:
            BatchNotFound: There is no live one.
        """

    @abstractmethod
    def create_asset(self, asset: Asset) -> None:
        """Store one asset."""

    @abstractmethod
    def upsert_assets(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        """Insert or update assets by their ``source_key`` and type; others of the batch stay as they are."""

    @abstractmethod
    def create_job(self, job: NewJob) -> Job:
        """Store a job and return it with its number, PENDING."""

    @abstractmethod
    def update_job(self, job: Job) -> None:
        """Store a job's status, external id, output and times."""

    @abstractmethod
    def advance_listing(self, listing_id: ListingId, *, expected: ListingStatus, to: ListingStatus) -> bool:
        """Compare-and-set the status of the listing's active version; False if it was not *expected*."""

    @abstractmethod
    def add_to_outbox(self, message: JobMessage) -> None:
        """Remember a message to be sent once the transaction is committed."""

    @abstractmethod
    def mark_sent(self, entry_id: int, *, at: datetime) -> None:
        """An outbox message was acknowledged by the queue."""

    @abstractmethod
    def mark_send_failed(self, entry_id: int, detail: str) -> None:
        """Count an attempt that did not get through; the entry stays."""

    @abstractmethod
    def record_dead_letter(self, message_id: str, job_id: JobId | None, body: str, *, at: datetime) -> bool:
        """Remember a dead letter by its queue message id; False if it was known already."""


class MediaRepository(MediaReads, Protocol):
    @abstractmethod
    def transaction(self) -> AbstractContextManager[MediaTransaction]:
        """
        Open a transaction: committed on leaving the block, rolled back on an exception.

        Raises:
            Unavailable: The database does not answer.
        """

    @abstractmethod
    def ping(self) -> None:
        """
        Raises:
            Unavailable: The database does not answer.
        """
