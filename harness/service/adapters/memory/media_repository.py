"""
Batches, assets, jobs and the outbox in memory, with transactions, row locks and unique keys.

The isolation level is READ COMMITTED, as in MySQL: a query sees the data that are committed, and the changes
of its own transaction. The ids of a transaction that is rolled back are not used again.
"""

import itertools
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.row_locks import RowLocks
from harness.service.core.errors import BatchNotFound, BatchStatusInvalid, JobNotFound, Unavailable
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, MediaStage
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


@dataclass(slots=True)
class _Tables:
    """Rows by primary key, in order of insertion."""

    batches: dict[BatchId, Batch] = field(default_factory=dict)
    assets: dict[tuple[BatchId, str, AssetType], Asset] = field(default_factory=dict)
    jobs: dict[JobId, Job] = field(default_factory=dict)
    outbox: dict[int, OutboxEntry] = field(default_factory=dict)
    dead_letters: dict[str, tuple[JobId | None, str, datetime]] = field(default_factory=dict)

    def merge(self, changes: "_Tables") -> "_Tables":
        """Return the tables after *changes*; without changes a table is shared: no table is ever mutated."""
        return _Tables(
            self.batches | changes.batches if changes.batches else self.batches,
            self.assets | changes.assets if changes.assets else self.assets,
            self.jobs | changes.jobs if changes.jobs else self.jobs,
            self.outbox | changes.outbox if changes.outbox else self.outbox,
            self.dead_letters | changes.dead_letters if changes.dead_letters else self.dead_letters,
        )


class _Store:
    """The committed data, and its locks."""

    def __init__(self, listings: InMemoryListingRepository, locks: RowLocks) -> None:
        self.listings = listings
        self.tables = _Tables()
        self.locks = locks
        self.available = True
        self.job_ids = itertools.count(1)
        self.outbox_ids = itertools.count(1)
        self.mutex = threading.Lock()

    def statement(self) -> AbstractContextManager[object]:
        """Execute one statement at a time; between its statements a transaction holds only row locks."""
        if not self.available:
            raise Unavailable("The database does not answer.")
        return self.mutex


class _Reads(MediaReads):
    def __init__(self, store: _Store) -> None:
        self._store = store
        self._changes = _Tables()

    def _lock(self, *name: object) -> None:
        """Do nothing: without a transaction there is no owner of a lock."""

    def _rows(self) -> _Tables:
        """Return the committed rows and the changes of this transaction."""
        with self._store.statement():
            return self._store.tables.merge(self._changes)

    def get_batch_by_id(
        self, batch_id: BatchId, *, for_update: bool = False, include_deleted: bool = False
    ) -> Batch:
        if for_update:
            self._lock("batch", batch_id)
        batch = self._rows().batches.get(batch_id)
        if batch is None or (batch.deleted_at and not include_deleted):
            raise BatchNotFound(f"There is no batch {batch_id}.")
        return batch

    def list_batches_by_listing(
        self,
        listing_id: ListingId,
        *,
        statuses: Sequence[BatchStatus] = (),
        include_deleted: bool = False,
        succeeded: bool = False,
        replaces: BatchId | None = None,
        limit: int = 20,
    ) -> list[Batch]:
        rows = self._rows()
        successful = {job.batch_id for job in rows.jobs.values() if job.status is JobStatus.SUCCEEDED}
        batches = [
            batch
            for batch in rows.batches.values()
            if batch.listing_id == listing_id
            and (not statuses or batch.status in statuses)
            and (include_deleted or not batch.deleted_at)
            and (not succeeded or batch.id in successful)
            and (replaces is None or batch.replaces == replaces)
        ]
        return batches[::-1][:limit]

    def list_recent_batches(self, *, include_deleted: bool = False, limit: int = 20) -> list[Batch]:
        batches = [
            batch for batch in self._rows().batches.values() if include_deleted or not batch.deleted_at
        ]
        return batches[::-1][:limit]

    def list_batches_by_status(
        self, statuses: Sequence[BatchStatus], *, issued_before: datetime, limit: int = 200
    ) -> list[Batch]:
        batches = [
            batch
            for batch in self._rows().batches.values()
            if batch.status in statuses and batch.issued_at < issued_before and not batch.deleted_at
        ]
        return sorted(batches, key=lambda batch: batch.issued_at)[:limit]

    def list_batches_to_tag(self, *, issued_before: datetime, limit: int = 20) -> list[Batch]:
        pending = [
            (batch.pending_stage.value, batch)
            for batch in self._rows().batches.values()
            if batch.pending_stage and (batch.received_at or batch.issued_at < issued_before)
        ]
        return [batch for _, batch in sorted(pending, key=lambda each: each[0])[:limit]]

    def list_assets_by_batch(self, batch_id: BatchId) -> list[Asset]:
        assets = [asset for asset in self._rows().assets.values() if asset.batch_id == batch_id]
        return sorted(assets, key=lambda asset: (asset.sequence is None, asset.sequence or 0))

    def get_job_by_id(self, job_id: JobId) -> Job:
        job = self._rows().jobs.get(job_id)
        if job is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return job

    def list_jobs_by_batch(self, batch_id: BatchId) -> list[Job]:
        jobs = [job for job in self._rows().jobs.values() if job.batch_id == batch_id]
        return sorted(jobs, key=lambda job: job.id, reverse=True)

    def list_jobs_by_status(
        self, statuses: Sequence[JobStatus], *, after: JobId | None = None, limit: int = 200
    ) -> list[Job]:
        jobs = [job for job in self._rows().jobs.values() if job.status in statuses and job.id > (after or 0)]
        return sorted(jobs, key=lambda job: job.id)[:limit]

    def count_inflight_jobs(self) -> int:
        return sum(not job.status.terminal for job in self._rows().jobs.values())

    def list_outbox(self, *, limit: int = 100) -> list[OutboxEntry]:
        unsent = [entry for entry in self._rows().outbox.values() if entry.sent_at is None]
        return sorted(unsent, key=lambda entry: entry.id)[:limit]

    def get_last_message(self, job_id: JobId) -> OutboxEntry | None:
        entries = [entry for entry in self._rows().outbox.values() if entry.message.job_id == job_id]
        return max(entries, key=lambda entry: entry.id, default=None)


class _Transaction(_Reads, MediaTransaction):
    def __init__(self, store: _Store) -> None:
        super().__init__(store)
        self._listing_statuses: dict[ListingId, ListingStatus] = {}

    def _lock(self, *name: object) -> None:
        self._store.locks.acquire(self, name)

    def lock_listing(self, listing_id: ListingId) -> ListingStatus | None:
        self._lock("listing", listing_id)
        with self._store.statement():
            committed = self._store.listings.find_status(listing_id)
        return self._listing_statuses.get(listing_id, committed)

    def create_batch(self, batch: Batch) -> None:
        self._lock("reference", batch.listing_id, batch.reference)
        self._lock("batch", batch.id)
        for other in self._rows().batches.values():
            is_open = not (other.status.terminal or other.deleted_at)
            if is_open and (other.listing_id, other.reference) == (batch.listing_id, batch.reference):
                raise batch.reference_conflict()
        self._changes.batches[batch.id] = batch

    def update_batch_status(self, batch: Batch, *, expected: BatchStatus) -> None:
        self._lock("batch", batch.id)
        current = self._rows().batches.get(batch.id)
        if current is None or current.deleted_at or current.status is not expected:
            raise BatchStatusInvalid(f"Batch {batch.id} is no longer {expected}.")
        self._changes.batches[batch.id] = batch

    def soft_delete_batch(self, batch: Batch) -> None:
        stored = self.get_batch_by_id(batch.id, for_update=True)
        self._changes.batches[batch.id] = replace(
            stored, deleted_at=batch.deleted_at, processing_metadata=batch.processing_metadata
        )

    def set_media_stage(self, batch_id: BatchId, stage: MediaStage | None) -> None:
        batch = self.get_batch_by_id(batch_id, for_update=True, include_deleted=True)
        self._changes.batches[batch_id] = replace(batch, media_stage=stage)

    def create_asset(self, asset: Asset) -> None:
        self.upsert_assets(asset.batch_id, [asset])

    def upsert_assets(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        owners = {asset.sequence: asset.source_key for asset in self.list_assets_by_batch(batch_id)}
        for asset in assets:
            owner = owners.setdefault(asset.sequence, asset.source_key)
            if asset.sequence is not None and owner != asset.source_key:
                raise ValueError(f"Batch {batch_id} has two assets with the same sequence.")
        self._changes.assets |= {(batch_id, asset.source_key, asset.asset_type): asset for asset in assets}

    def create_job(self, job: NewJob) -> Job:
        with self._store.statement():
            stored = job.numbered(JobId(next(self._store.job_ids)))
        self._changes.jobs[stored.id] = stored
        return stored

    def update_job(self, job: Job) -> None:
        self._lock("job", job.id)
        self.get_job_by_id(job.id)
        self._changes.jobs[job.id] = job

    def advance_listing(self, listing_id: ListingId, *, expected: ListingStatus, to: ListingStatus) -> bool:
        if self.lock_listing(listing_id) is not expected:
            return False
        self._listing_statuses[listing_id] = to
        return True

    def add_to_outbox(self, message: JobMessage) -> None:
        with self._store.statement():
            number = next(self._store.outbox_ids)
        self._changes.outbox[number] = OutboxEntry(number, message)

    def mark_sent(self, entry_id: int, *, at: datetime) -> None:
        if entry := self._locked_entry(entry_id):
            self._changes.outbox[entry_id] = replace(entry, sent_at=entry.sent_at or at)

    def mark_send_failed(self, entry_id: int, detail: str) -> None:  # noqa: ARG002 -- only counted
        if entry := self._locked_entry(entry_id):
            self._changes.outbox[entry_id] = replace(entry, attempts=entry.attempts + 1)

    def _locked_entry(self, entry_id: int) -> OutboxEntry | None:
        self._lock("outbox", entry_id)
        return self._rows().outbox.get(entry_id)

    def record_dead_letter(self, message_id: str, job_id: JobId | None, body: str, *, at: datetime) -> bool:
        self._lock("dead letter", message_id)
        if message_id in self._rows().dead_letters:
            return False
        self._changes.dead_letters[message_id] = (job_id, body, at)
        return True

    def commit(self) -> None:
        with self._store.statement():
            self._store.tables = self._store.tables.merge(self._changes)
            for listing_id, status in self._listing_statuses.items():
                self._store.listings.set_status(listing_id, status)


class InMemoryMediaRepository(_Reads, MediaRepository):
    """The repository; `advance_listing` changes *listings*, and *locks* are the row locks of transactions."""

    def __init__(
        self, listings: InMemoryListingRepository | None = None, *, locks: RowLocks | None = None
    ) -> None:
        super().__init__(_Store(listings or InMemoryListingRepository(), locks or RowLocks()))

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
