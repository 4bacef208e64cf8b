"""
Batches, assets, jobs and the outbox in memory, with transactions, row locks and unique keys.

The isolation level is READ COMMITTED, as in MySQL: a query sees the data that are committed, and the changes
of its own transaction. The ids of a transaction that is rolled back are not used again.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.row_locks import RowLocks
from harness.service.core.errors import BatchNotFound, BatchStatusInvalid, JobNotFound, Unavailable
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, MediaStage
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.job_message import JobMessage
from harness.service.core.model.listing import ListingStatus
from harness.service.core.ports.media_repository import (
    MediaReads,
    MediaRepository,
    MediaTransaction,
    OutboxEntry,
)

Row = TypeVar("Row")


class _IndexedRows(Generic[Row]):
    """
    Committed rows by primary key, in order of insertion, and by the values that queries look for.

    Args:
        indexes: For each index the value of a row; rows with None are not in the index.
    """

    def __init__(self, **indexes: Callable[[Row], object]) -> None:
        self.rows: dict[Any, Row] = {}
        self.keys = indexes
        self.by: dict[str, dict[object, dict[Any, Row]]] = {name: {} for name in indexes}

    def put(self, key: Any, row: Row) -> None:
        """Insert or replace a row."""
        old = self.rows.get(key)
        self.rows[key] = row
        for name, key_of in self.keys.items():
            before, after = None if old is None else key_of(old), key_of(row)
            if before is not None and before != after:
                del self.by[name][before][key]
            if after is not None:
                self.by[name].setdefault(after, {})[key] = row


class _CommittedRows:
    """The committed rows."""

    def __init__(self) -> None:
        self.batches = _IndexedRows[Batch](
            listing=lambda batch: batch.listing_id,
            status=lambda batch: batch.status,
            pending=lambda batch: True if batch.pending_stage else None,
        )
        self.assets = _IndexedRows[Asset](batch=lambda asset: asset.batch_id)
        self.jobs = _IndexedRows[Job](batch=lambda job: job.batch_id, status=lambda job: job.status)
        self.outbox = _IndexedRows[OutboxEntry](
            job=lambda entry: entry.message.job_id,
            unsent=lambda entry: True if entry.sent_at is None else None,
        )
        self.dead_letters = _IndexedRows[tuple[JobId | None, str, datetime]]()


class _Store:
    """The committed data, and its locks."""

    def __init__(self, listings: InMemoryListingRepository, locks: RowLocks) -> None:
        self.listings = listings
        self.tables = _CommittedRows()
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
        self._changes: dict[str, dict[Any, Any]] = {}

    def _lock(self, *name: object) -> None:
        """Do nothing: without a transaction there is no owner of a lock."""

    def _row(self, table: str, key: object) -> Any:
        """Return the row with a primary key, as this transaction sees it; None if there is none."""
        with self._store.statement():
            committed = getattr(self._store.tables, table).rows.get(key)
        return self._changes.get(table, {}).get(key, committed)

    def _all(self, table: str) -> list[Any]:
        """Return all rows that this transaction sees, in order of insertion."""
        changes = self._changes.get(table)
        with self._store.statement():
            rows = getattr(self._store.tables, table).rows
            return list((rows | changes if changes else rows).values())

    def _where(self, table: str, index: str, *values: object) -> list[Any]:
        """Return the rows whose value in an index is one of *values*, in order of insertion for each."""
        changes = self._changes.get(table, {})
        found: list[Any] = []
        with self._store.statement():
            stored: _IndexedRows[Any] = getattr(self._store.tables, table)
            key_of = stored.keys[index]
            for value in values:
                rows = stored.by[index].get(value, {})
                if changes:
                    rows = {key: changes.get(key, row) for key, row in rows.items()} | changes
                    rows = {key: row for key, row in rows.items() if key_of(row) == value}
                found += rows.values()
        return found

    def get_batch_by_id(
        self, batch_id: BatchId, *, for_update: bool = False, include_deleted: bool = False
    ) -> Batch:
        if for_update:
            self._lock("batch", batch_id)
        batch: Batch | None = self._row("batches", batch_id)
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
        reference: str | None = None,
        limit: int = 20,
    ) -> list[Batch]:
        batches = [
            batch
            for batch in self._where("batches", "listing", listing_id)
            if (not statuses or batch.status in statuses)
            and (include_deleted or not batch.deleted_at)
            and (not succeeded or self._has_succeeded(batch.id))
            and (replaces is None or batch.replaces == replaces)
            and (reference is None or batch.reference == reference)
        ]
        return batches[::-1][:limit]

    def _has_succeeded(self, batch_id: BatchId) -> bool:
        jobs = self._where("jobs", "batch", batch_id)
        return any(job.status is JobStatus.SUCCEEDED for job in jobs)

    def list_recent_batches(self, *, include_deleted: bool = False, limit: int = 20) -> list[Batch]:
        newest_first = reversed(self._all("batches"))
        batches = (batch for batch in newest_first if include_deleted or not batch.deleted_at)
        return list(itertools.islice(batches, limit))

    def list_batches_by_status(
        self, statuses: Sequence[BatchStatus], *, issued_before: datetime, limit: int = 200
    ) -> list[Batch]:
        batches = [
            batch
            for batch in self._where("batches", "status", *statuses)
            if batch.issued_at < issued_before and not batch.deleted_at
        ]
        return sorted(batches, key=lambda batch: batch.issued_at)[:limit]

    def list_batches_to_tag(self, *, issued_before: datetime, limit: int = 20) -> list[Batch]:
        pending = [
            (batch.pending_stage.value, batch)
            for batch in self._where("batches", "pending", True)
            if batch.issued_at < issued_before
        ]
        return [batch for _, batch in sorted(pending, key=lambda each: each[0])[:limit]]

    def list_assets_by_batch(self, batch_id: BatchId) -> list[Asset]:
        assets = self._where("assets", "batch", batch_id)
        return sorted(assets, key=lambda asset: (asset.sequence is None, asset.sequence or 0))

    def get_job_by_id(self, job_id: JobId) -> Job:
        job: Job | None = self._row("jobs", job_id)
        if job is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return job

    def list_jobs_by_batch(self, batch_id: BatchId) -> list[Job]:
        return sorted(self._where("jobs", "batch", batch_id), key=lambda job: job.id, reverse=True)

    def list_jobs_by_status(
        self, statuses: Sequence[JobStatus], *, after: JobId | None = None, limit: int = 200
    ) -> list[Job]:
        jobs = [job for job in self._where("jobs", "status", *statuses) if job.id > (after or 0)]
        return sorted(jobs, key=lambda job: job.id)[:limit]

    def count_inflight_jobs(self) -> int:
        return len(self._where("jobs", "status", *(status for status in JobStatus if not status.terminal)))

    def list_outbox(self, *, limit: int = 100) -> list[OutboxEntry]:
        return sorted(self._where("outbox", "unsent", True), key=lambda entry: entry.id)[:limit]

    def get_last_message(self, job_id: JobId) -> OutboxEntry | None:
        return max(self._where("outbox", "job", job_id), key=lambda entry: entry.id, default=None)


class _Transaction(_Reads, MediaTransaction):
    def __init__(self, store: _Store) -> None:
        super().__init__(store)
        self._listing_statuses: dict[ListingId, ListingStatus] = {}

    def _change(self, table: str, key: object, row: object) -> None:
        self._changes.setdefault(table, {})[key] = row

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
        for other in self._where("batches", "listing", batch.listing_id):
            is_open = not (other.status.terminal or other.deleted_at)
            if is_open and (other.listing_id, other.reference) == (batch.listing_id, batch.reference):
                raise batch.reference_conflict()
        self._change("batches", batch.id, batch)

    def update_batch_status(self, batch: Batch, *, expected: BatchStatus) -> None:
        self._lock("batch", batch.id)
        current = self._row("batches", batch.id)
        if current is None or current.deleted_at or current.status is not expected:
            raise BatchStatusInvalid(f"Batch {batch.id} is no longer {expected}.")
        self._change("batches", batch.id, batch)

    def soft_delete_batch(self, batch: Batch) -> None:
        stored = self.get_batch_by_id(batch.id, for_update=True)
        deleted = replace(stored, deleted_at=batch.deleted_at, processing_metadata=batch.processing_metadata)
        self._change("batches", batch.id, deleted)

    def set_media_stage(self, batch_id: BatchId, stage: MediaStage | None) -> None:
        batch = self.get_batch_by_id(batch_id, for_update=True, include_deleted=True)
        self._change("batches", batch_id, replace(batch, media_stage=stage))

    def create_asset(self, asset: Asset) -> None:
        self.upsert_assets(asset.batch_id, [asset])

    def upsert_assets(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        owners = {asset.sequence: asset.source_key for asset in self.list_assets_by_batch(batch_id)}
        for asset in assets:
            owner = owners.setdefault(asset.sequence, asset.source_key)
            if asset.sequence is not None and owner != asset.source_key:
                raise ValueError(f"Batch {batch_id} has two assets with the same sequence.")
        for asset in assets:
            self._change("assets", (batch_id, asset.source_key, asset.asset_type), asset)

    def create_job(self, job: NewJob) -> Job:
        with self._store.statement():
            stored = job.numbered(JobId(next(self._store.job_ids)))
        self._change("jobs", stored.id, stored)
        return stored

    def update_job(self, job: Job) -> None:
        self._lock("job", job.id)
        self.get_job_by_id(job.id)
        self._change("jobs", job.id, job)

    def advance_listing(self, listing_id: ListingId, *, expected: ListingStatus, to: ListingStatus) -> bool:
        if self.lock_listing(listing_id) is not expected:
            return False
        self._listing_statuses[listing_id] = to
        return True

    def add_to_outbox(self, message: JobMessage) -> None:
        with self._store.statement():
            number = next(self._store.outbox_ids)
        self._change("outbox", number, OutboxEntry(number, message))

    def mark_sent(self, entry_id: int, *, at: datetime) -> None:
        if entry := self._locked_entry(entry_id):
            self._change("outbox", entry_id, replace(entry, sent_at=entry.sent_at or at))

    def mark_send_failed(self, entry_id: int, detail: str) -> None:  # noqa: ARG002 -- only counted
        if entry := self._locked_entry(entry_id):
            self._change("outbox", entry_id, replace(entry, attempts=entry.attempts + 1))

    def _locked_entry(self, entry_id: int) -> OutboxEntry | None:
        self._lock("outbox", entry_id)
        entry: OutboxEntry | None = self._row("outbox", entry_id)
        return entry

    def record_dead_letter(self, message_id: str, job_id: JobId | None, body: str, *, at: datetime) -> bool:
        self._lock("dead letter", message_id)
        if self._row("dead_letters", message_id) is not None:
            return False
        self._change("dead_letters", message_id, (job_id, body, at))
        return True

    def commit(self) -> None:
        with self._store.statement():
            for name, rows in self._changes.items():
                table = getattr(self._store.tables, name)
                for key, row in rows.items():
                    table.put(key, row)
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
