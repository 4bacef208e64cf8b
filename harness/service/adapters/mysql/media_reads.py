"""The queries for batches, assets, jobs and the outbox, inside and outside a transaction."""
# ruff: noqa: S608 — the SQL is composed of constants of this package only

from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TypeVar

from harness.service.adapters.mysql.row_mapping import (
    ASSETS,
    BATCHES,
    JOBS,
    OUTBOX_COLUMNS,
    outbox_entry,
    to_utc,
)
from harness.service.adapters.mysql.session import DatabaseSession, Row, Statement
from harness.service.core.errors import BatchNotFound, JobNotFound
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus
from harness.service.core.ports.media_repository import MediaReads, OutboxEntry

T = TypeVar("T")

BATCHES_TABLE = "listing_media_batches"
ASSETS_TABLE = "listing_media_assets"
JOBS_TABLE = "listing_media_jobs"
OUTBOX_TABLE = "media_outbox"

_SELECT_BATCHES = f"SELECT {BATCHES.select_list} FROM listing_media_batches b"
_SELECT_JOBS = f"""
    SELECT {JOBS.select_list}
    FROM listing_media_jobs j
    JOIN listing_media_batches b ON b.id = j.batch_id
"""
_SELECT_OUTBOX = f"SELECT {OUTBOX_COLUMNS} FROM media_outbox o"
# The id comes from a client: without the conversion, an id with other characters than ASCII is an error.
_BY_UUID = " WHERE b.batch_uuid = CONVERT(%s USING ascii)"
_NOT_DELETED = " AND b.deleted_at IS NULL"

GET_BATCH = Statement("select", BATCHES_TABLE, _SELECT_BATCHES + _BY_UUID + _NOT_DELETED)
GET_ANY_BATCH = Statement("select", BATCHES_TABLE, _SELECT_BATCHES + _BY_UUID)
LOCK_BATCH = Statement("lock", BATCHES_TABLE, GET_BATCH.sql + " FOR UPDATE")
LOCK_ANY_BATCH = Statement("lock", BATCHES_TABLE, GET_ANY_BATCH.sql + " FOR UPDATE")

# The first parameter of a condition "(%s OR …)" is true if the condition does not apply.
LIST_BATCHES_BY_LISTING = Statement(
    "select",
    BATCHES_TABLE,
    _SELECT_BATCHES
    + """
    WHERE b.listing_id = %s AND (%s OR b.status IN %s) AND (%s OR b.deleted_at IS NULL)
    AND (%s OR EXISTS (SELECT 1 FROM listing_media_jobs j WHERE j.batch_id = b.id AND j.status = 'SUCCEEDED'))
    AND (%s OR b.replaces_batch_uuid = %s) AND (%s OR b.batch_reference = %s)
    ORDER BY b.id DESC
    LIMIT %s
    """,
)
LIST_BATCHES_BY_STATUS = Statement(
    "select",
    BATCHES_TABLE,
    _SELECT_BATCHES
    + """
    WHERE b.status IN %s AND b.issued_at < %s AND b.deleted_at IS NULL
    ORDER BY b.issued_at, b.id
    LIMIT %s
    """,
)
LIST_RECENT_BATCHES = Statement(
    "select",
    BATCHES_TABLE,
    _SELECT_BATCHES + " WHERE (%s OR b.deleted_at IS NULL) ORDER BY b.id DESC LIMIT %s",
)
LIST_BATCHES_TO_TAG = Statement(
    "select",
    BATCHES_TABLE,
    _SELECT_BATCHES
    + """
    WHERE b.pending_stage IS NOT NULL AND b.issued_at < %s
    ORDER BY b.pending_stage, b.id
    LIMIT %s
    """,
)
LIST_ASSETS = Statement(
    "select",
    ASSETS_TABLE,
    f"""
    SELECT {ASSETS.select_list}
    FROM listing_media_assets a
    JOIN listing_media_batches b ON b.id = a.batch_id
    {_BY_UUID}
    ORDER BY a.sequence IS NULL, a.sequence, a.id
    """,
)
GET_JOB = Statement("select", JOBS_TABLE, _SELECT_JOBS + " WHERE j.id = %s")
LIST_JOBS_BY_BATCH = Statement("select", JOBS_TABLE, _SELECT_JOBS + _BY_UUID + " ORDER BY j.id DESC")
LIST_JOBS_BY_STATUS = Statement(
    "select", JOBS_TABLE, _SELECT_JOBS + " WHERE j.status IN %s AND j.id > %s ORDER BY j.id LIMIT %s"
)
COUNT_INFLIGHT_JOBS = Statement(
    "select", JOBS_TABLE, "SELECT COUNT(*) FROM listing_media_jobs WHERE status IN ('PENDING', 'RUNNING')"
)
LIST_OUTBOX = Statement(
    "select", OUTBOX_TABLE, _SELECT_OUTBOX + " WHERE o.sent_at IS NULL ORDER BY o.id LIMIT %s"
)
GET_LAST_MESSAGE = Statement(
    "select", OUTBOX_TABLE, _SELECT_OUTBOX + " WHERE o.job_id = %s ORDER BY o.id DESC LIMIT 1"
)


class MySQLMediaReads(MediaReads):
    """The queries; a subclass provides the database session."""

    @abstractmethod
    def _session(self) -> AbstractContextManager[DatabaseSession]:
        """Return a context manager with the session for one query."""

    def _one(self, load: Callable[[Row], T], statement: Statement, *parameters: object) -> T | None:
        with self._session() as session:
            row = session.one(statement, *parameters)
        return load(row) if row else None

    def _all(self, load: Callable[[Row], T], statement: Statement, *parameters: object) -> list[T]:
        with self._session() as session:
            rows = session.all(statement, *parameters)
        return [load(row) for row in rows]

    def get_batch_by_id(
        self, batch_id: BatchId, *, for_update: bool = False, include_deleted: bool = False
    ) -> Batch:
        statement = {
            (False, False): GET_BATCH,
            (False, True): GET_ANY_BATCH,
            (True, False): LOCK_BATCH,
            (True, True): LOCK_ANY_BATCH,
        }[for_update, include_deleted]
        batch = self._one(BATCHES.load, statement, batch_id)
        if batch is None:
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
        # "IN ()" is not valid SQL, so an empty list of statuses is replaced; its condition does not apply.
        wanted = tuple(statuses) or tuple(BatchStatus)
        parameters = (listing_id, not statuses, wanted, include_deleted, not succeeded)
        named = (replaces is None, replaces, reference is None, reference)
        return self._all(BATCHES.load, LIST_BATCHES_BY_LISTING, *parameters, *named, limit)

    def list_recent_batches(self, *, include_deleted: bool = False, limit: int = 20) -> list[Batch]:
        return self._all(BATCHES.load, LIST_RECENT_BATCHES, include_deleted, limit)

    def list_batches_by_status(
        self, statuses: Sequence[BatchStatus], *, issued_before: datetime, limit: int = 200
    ) -> list[Batch]:
        if not statuses:
            return []
        parameters = (tuple(statuses), to_utc(issued_before), limit)
        return self._all(BATCHES.load, LIST_BATCHES_BY_STATUS, *parameters)

    def list_batches_to_tag(self, *, issued_before: datetime, limit: int = 20) -> list[Batch]:
        return self._all(BATCHES.load, LIST_BATCHES_TO_TAG, to_utc(issued_before), limit)

    def list_assets_by_batch(self, batch_id: BatchId) -> list[Asset]:
        return self._all(ASSETS.load, LIST_ASSETS, batch_id)

    def get_job_by_id(self, job_id: JobId) -> Job:
        job = self._one(JOBS.load, GET_JOB, job_id)
        if job is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return job

    def list_jobs_by_batch(self, batch_id: BatchId) -> list[Job]:
        return self._all(JOBS.load, LIST_JOBS_BY_BATCH, batch_id)

    def list_jobs_by_status(
        self, statuses: Sequence[JobStatus], *, after: JobId | None = None, limit: int = 200
    ) -> list[Job]:
        if not statuses:
            return []
        return self._all(JOBS.load, LIST_JOBS_BY_STATUS, tuple(statuses), after or 0, limit)

    def count_inflight_jobs(self) -> int:
        return self._one(lambda row: int(row[0]), COUNT_INFLIGHT_JOBS) or 0

    def list_outbox(self, *, limit: int = 100) -> list[OutboxEntry]:
        return self._all(outbox_entry, LIST_OUTBOX, limit)

    def get_last_message(self, job_id: JobId) -> OutboxEntry | None:
        return self._one(outbox_entry, GET_LAST_MESSAGE, job_id)
