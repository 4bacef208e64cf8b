"""
Batches, assets, jobs and the outbox in memory, with transactions, row locks and unique keys.

The isolation level is READ COMMITTED, as in MySQL: a query sees the data that are committed, and the changes
of its own transaction. The ids of a transaction that is rolled back are not used again.
"""

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.row_locks import RowLocks
from harness.service.adapters.memory.tables import MemoryTable, View
from harness.service.core.errors import (
    BatchNotFound,
    BatchStatusInvalid,
    JobNotFound,
    Unavailable,
)
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.job_message import JobMessage
from harness.service.core.model.listing import ListingStatus
from harness.service.core.model.media_type import AssetType
from harness.service.core.ports.media_repository import (
    MediaReads,
    MediaRepository,
    MediaTransaction,
    OutboxEntry,
)

AssetKey = tuple[BatchId, str, AssetType]

UNSENT = "unsent"


class _Store:
    """The committed data, and its locks."""

    def __init__(self, listings: InMemoryListingRepository, lock_timeout: float) -> None:
        self.listings = listings
        self.locks = RowLocks(timeout=lock_timeout)
        self.available = True
        self.job_numbers = itertools.count(1)
        self.outbox_numbers = itertools.count(1)
        self.batches: MemoryTable[BatchId, Batch] = MemoryTable(lambda it: (it.listing_id, it.status))
        self.assets: MemoryTable[AssetKey, Asset] = MemoryTable(lambda it: (it.batch_id,))
        self.jobs: MemoryTable[JobId, Job] = MemoryTable(lambda it: (it.batch_id, it.status))
        self.outbox: MemoryTable[int, OutboxEntry] = MemoryTable(
            lambda it: (("job", it.message.job_id), *([UNSENT] if it.sent_at is None else []))
        )
        self.dead_letters: MemoryTable[str, tuple[JobId | None, str, datetime]] = MemoryTable(lambda _: ())
        self._mutex = threading.Lock()

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Execute one statement at a time; between its statements a transaction holds only row locks."""
        if not self.available:
            raise Unavailable("The database does not answer.")
        with self._mutex:
            yield


class _Reads(MediaReads):
    def __init__(self, store: _Store) -> None:
        self._store = store
        self._batches = View(store.batches)
        self._assets = View(store.assets)
        self._jobs = View(store.jobs)
        self._outbox = View(store.outbox)
        self._dead_letters = View(store.dead_letters)

    def get_batch_by_id(
        self, batch_id: BatchId, *, for_update: bool = False, include_deleted: bool = False
    ) -> Batch:
        if for_update:
            self._lock("batch", batch_id)
        with self._store.statement():
            batch = self._batches.get(batch_id)
        if batch is None or (batch.deleted_at and not include_deleted):
            raise BatchNotFound(f"There is no batch {batch_id}.")
        return batch

    def list_batches_by_listing(
        self,
        listing_id: ListingId,
        *,
        statuses: Sequence[BatchStatus] = (),
        include_deleted: bool = False,
        limit: int = 20,
    ) -> list[Batch]:
        with self._store.statement():
            batches = self._batches.select(listing_id)
        wanted = [
            batch
            for batch in reversed(batches)
            if (not statuses or batch.status in statuses) and (include_deleted or not batch.deleted_at)
        ]
        return wanted[:limit]

    def list_batches_by_status(
        self, statuses: Sequence[BatchStatus], *, issued_before: datetime, limit: int = 200
    ) -> list[Batch]:
        with self._store.statement():
            batches = self._batches.select(*statuses)
        due = [it for it in batches if it.issued_at < issued_before and not it.deleted_at]
        return sorted(due, key=lambda it: it.issued_at)[:limit]

    def list_assets_by_batch(self, batch_id: BatchId) -> list[Asset]:
        with self._store.statement():
            assets = self._assets.select(batch_id)
        uploads = sorted((it for it in assets if it.sequence is not None), key=lambda it: it.sequence or 0)
        return uploads + [it for it in assets if it.sequence is None]

    def get_job_by_id(self, job_id: JobId) -> Job:
        with self._store.statement():
            job = self._jobs.get(job_id)
        if job is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return job

    def list_jobs_by_batch(self, batch_id: BatchId) -> list[Job]:
        with self._store.statement():
            return self._jobs.select(batch_id)[::-1]

    def list_jobs_by_status(
        self, statuses: Sequence[JobStatus], *, after: JobId | None = None, limit: int = 200
    ) -> list[Job]:
        with self._store.statement():
            jobs = self._jobs.select(*statuses)
        return [job for job in jobs if after is None or job.id > after][:limit]

    def count_inflight_jobs(self) -> int:
        with self._store.statement():
            return len(self._jobs.select(JobStatus.PENDING, JobStatus.RUNNING))

    def list_outbox(self, *, limit: int = 100) -> list[OutboxEntry]:
        with self._store.statement():
            return self._outbox.select(UNSENT)[:limit]

    def get_last_message(self, job_id: JobId) -> OutboxEntry | None:
        with self._store.statement():
            entries = self._outbox.select(("job", job_id))
        return entries[-1] if entries else None

    def _lock(self, *name: object) -> None:
        """Do nothing: without a transaction there is no owner of a lock."""


class _Transaction(_Reads, MediaTransaction):
    def __init__(self, store: _Store) -> None:
        super().__init__(store)
        self._listing_statuses: dict[ListingId, ListingStatus] = {}

    def lock_listing(self, listing_id: ListingId) -> ListingStatus | None:
        self._lock("listing", listing_id)
        with self._store.statement():
            committed = self._store.listings.find_status(listing_id)
        return self._listing_statuses.get(listing_id, committed)

    def create_batch(self, batch: Batch) -> None:
        self._lock("reference", batch.listing_id, batch.reference)
        self._lock("batch", batch.id)
        with self._store.statement():
            for other in self._batches.select(batch.listing_id):
                open_ = not (other.status.terminal or other.deleted_at)
                if open_ and other.reference == batch.reference:
                    raise batch.reference_conflict()
            self._batches.put(batch.id, batch)

    def update_batch_status(self, batch: Batch, *, expected: BatchStatus) -> None:
        self._lock("batch", batch.id)
        with self._store.statement():
            current = self._batches.get(batch.id)
            if current is None or current.deleted_at or current.status is not expected:
                raise BatchStatusInvalid(f"Batch {batch.id} is no longer {expected}.")
            self._batches.put(batch.id, batch)

    def soft_delete_batch(self, batch_id: BatchId, *, at: datetime) -> None:
        batch = self.get_batch_by_id(batch_id, for_update=True)
        with self._store.statement():
            self._batches.put(batch_id, replace(batch, deleted_at=at))

    def create_asset(self, asset: Asset) -> None:
        self.upsert_assets(asset.batch_id, [asset])

    def upsert_assets(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        with self._store.statement():
            self._must_have_unique_sequences(batch_id, assets)
            for asset in assets:
                self._assets.put((batch_id, asset.source_key, asset.asset_type), asset)

    def _must_have_unique_sequences(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        taken = {asset.sequence: asset.source_key for asset in self._assets.select(batch_id)}
        for asset in assets:
            owner = taken.setdefault(asset.sequence, asset.source_key)
            if asset.sequence is not None and owner != asset.source_key:
                raise ValueError(f"Batch {batch_id} has two assets with the same sequence.")

    def create_job(self, job: NewJob) -> Job:
        with self._store.statement():
            stored = job.numbered(JobId(next(self._store.job_numbers)))
            self._jobs.put(stored.id, stored)
        return stored

    def update_job(self, job: Job) -> None:
        self._lock("job", job.id)
        self.get_job_by_id(job.id)
        with self._store.statement():
            self._jobs.put(job.id, job)

    def advance_listing(self, listing_id: ListingId, *, expected: ListingStatus, to: ListingStatus) -> bool:
        if self.lock_listing(listing_id) is not expected:
            return False
        self._listing_statuses[listing_id] = to
        return True

    def add_to_outbox(self, message: JobMessage) -> None:
        with self._store.statement():
            number = next(self._store.outbox_numbers)
            self._outbox.put(number, OutboxEntry(number, message))

    def mark_sent(self, entry_id: int, *, at: datetime) -> None:
        self._change_entry(entry_id, sent_at=at)

    def mark_send_failed(self, entry_id: int, detail: str) -> None:  # noqa: ARG002 -- only counted
        self._change_entry(entry_id, failed=True)

    def record_dead_letter(self, message_id: str, job_id: JobId | None, body: str, *, at: datetime) -> bool:
        self._lock("dead letter", message_id)
        with self._store.statement():
            if message_id in self._store.dead_letters.rows:
                return False
            self._dead_letters.put(message_id, (job_id, body, at))
        return True

    def commit(self) -> None:
        with self._store.statement():
            for view in (self._batches, self._assets, self._jobs, self._outbox, self._dead_letters):
                view.commit()
            for listing_id, status in self._listing_statuses.items():
                self._store.listings.set_status(listing_id, status)

    def _change_entry(self, entry_id: int, *, sent_at: datetime | None = None, failed: bool = False) -> None:
        self._lock("outbox", entry_id)
        with self._store.statement():
            entry = self._outbox.get(entry_id)
            if entry is not None:
                sent = entry.sent_at or sent_at
                self._outbox.put(entry_id, replace(entry, sent_at=sent, attempts=entry.attempts + failed))

    def _lock(self, *name: object) -> None:
        self._store.locks.acquire(self, name)


class InMemoryMediaRepository(_Reads, MediaRepository):
    """
    The repository.

    Args:
        listings: The listings whose status `advance_listing` changes.
        lock_timeout: Longest wait for a row lock [s].
    """

    def __init__(self, listings: InMemoryListingRepository | None = None, *, lock_timeout: float = 5) -> None:
        super().__init__(_Store(listings or InMemoryListingRepository(), lock_timeout))

    @property
    def available(self) -> bool:
        """If False, every statement raises `Unavailable`, inside and outside a transaction."""
        return self._store.available

    @available.setter
    def available(self, available: bool) -> None:
        self._store.available = available

    @contextmanager
    def transaction(self) -> Iterator[MediaTransaction]:
        self.ping()
        tx = _Transaction(self._store)
        try:
            yield tx
            tx.commit()
        finally:
            self._store.locks.release(tx)

    def ping(self) -> None:
        with self._store.statement():
            pass
