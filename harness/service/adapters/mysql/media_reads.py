"""
What can be asked of batches, assets, jobs and the outbox, inside a transaction or outside.
"""
# ruff: noqa: S608 — what is put into the SQL here are column lists, constants of ours

from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from harness.service.adapters.mysql import row_mapping
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.service.core.errors import BatchNotFound, JobNotFound
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus
from harness.service.core.ports.media_repository import MediaReads, OutboxEntry

BATCHES = "listing_media_batches"
ASSETS = "listing_media_assets"
JOBS = "listing_media_jobs"
OUTBOX = "media_outbox"

# An id comes from a client and may be anything; what is not ASCII must find nothing, and not fail.
_GET_BATCH = (
    f"SELECT {row_mapping.BATCH_COLUMNS} FROM listing_media_batches b"
    " WHERE b.batch_uuid = CONVERT(%s USING ascii)"
)
_LIVE = " AND b.deleted_at IS NULL"

GET_BATCH = Statement("select", BATCHES, _GET_BATCH + _LIVE)
GET_ANY_BATCH = Statement("select", BATCHES, _GET_BATCH)
LOCK_BATCH = Statement("lock", BATCHES, _GET_BATCH + _LIVE + " FOR UPDATE")
LOCK_ANY_BATCH = Statement("lock", BATCHES, _GET_BATCH + " FOR UPDATE")

# An empty list of statuses means any. The flag in front keeps it one statement.
LIST_BATCHES_BY_LISTING = Statement(
    "select",
    BATCHES,
    f"""
    SELECT {row_mapping.BATCH_COLUMNS}
    FROM listing_media_batches b
    WHERE b.listing_id = %s AND (%s OR b.status IN %s) AND (%s OR b.deleted_at IS NULL)
    ORDER BY b.id DESC
    LIMIT %s
    """,
)
LIST_BATCHES_BY_STATUS = Statement(
    "select",
    BATCHES,
    f"""
    SELECT {row_mapping.BATCH_COLUMNS}
    FROM listing_media_batches b
    WHERE b.status IN %s AND b.issued_at < %s AND b.deleted_at IS NULL
    ORDER BY b.issued_at, b.id
    LIMIT %s
    """,
)
LIST_ASSETS = Statement(
    "select",
    ASSETS,
    f"""
    SELECT {row_mapping.ASSET_COLUMNS}
    FROM listing_media_assets a
    JOIN listing_media_batches b ON b.id = a.batch_id
    WHERE b.batch_uuid = CONVERT(%s USING ascii)
    ORDER BY a.sequence IS NULL, a.sequence, a.id
    """,
)
GET_JOB = Statement(
    "select",
    JOBS,
    f"""
    SELECT {row_mapping.JOB_COLUMNS}
    FROM listing_media_jobs j
    JOIN listing_media_batches b ON b.id = j.batch_id
    WHERE j.id = %s
    """,
)
LIST_JOBS_BY_BATCH = Statement(
    "select",
    JOBS,
    f"""
    SELECT {row_mapping.JOB_COLUMNS}
    FROM listing_media_jobs j
    JOIN listing_media_batches b ON b.id = j.batch_id
    WHERE b.batch_uuid = CONVERT(%s USING ascii)
    ORDER BY j.id DESC
    """,
)
LIST_JOBS_BY_STATUS = Statement(
    "select",
    JOBS,
    f"""
    SELECT {row_mapping.JOB_COLUMNS}
    FROM listing_media_jobs j
    JOIN listing_media_batches b ON b.id = j.batch_id
    WHERE j.status IN %s AND j.id > %s
    ORDER BY j.id
    LIMIT %s
    """,
)
COUNT_INFLIGHT_JOBS = Statement(
    "select", JOBS, "SELECT COUNT(*) FROM listing_media_jobs WHERE status IN ('PENDING', 'RUNNING')"
)
LIST_OUTBOX = Statement(
    "select",
    OUTBOX,
    f"SELECT {row_mapping.OUTBOX_COLUMNS} FROM media_outbox o WHERE o.sent_at IS NULL ORDER BY o.id LIMIT %s",
)
GET_LAST_MESSAGE = Statement(
    "select",
    OUTBOX,
    f"SELECT {row_mapping.OUTBOX_COLUMNS} FROM media_outbox o WHERE o.job_id = %s ORDER BY o.id DESC LIMIT 1",
)


class MySQLMediaReads(MediaReads):
    """
    The questions; whoever inherits says which session they go through.
    """

    @abstractmethod
    def _session(self) -> AbstractContextManager[DatabaseSession]: ...

    def get_batch_by_id(
        self, batch_id: BatchId, *, for_update: bool = False, include_deleted: bool = False
    ) -> Batch:
        statement = {
            (False, False): GET_BATCH,
            (False, True): GET_ANY_BATCH,
            (True, False): LOCK_BATCH,
            (True, True): LOCK_ANY_BATCH,
        }[for_update, include_deleted]
        with self._session() as session:
            row = session.one(statement, batch_id)
        if row is None:
            raise BatchNotFound(f"There is no batch {batch_id}.")
        return row_mapping.batch(row)

    def list_batches_by_listing(
        self,
        listing_id: ListingId,
        *,
        statuses: Sequence[BatchStatus] = (),
        include_deleted: bool = False,
        limit: int = 20,
    ) -> list[Batch]:
        wanted = tuple(statuses) or tuple(BatchStatus)
        with self._session() as session:
            found = session.all(
                LIST_BATCHES_BY_LISTING, listing_id, not statuses, wanted, include_deleted, limit
            )
        return [row_mapping.batch(row) for row in found]

    def list_batches_by_status(
        self, statuses: Sequence[BatchStatus], *, issued_before: datetime, limit: int = 200
    ) -> list[Batch]:
        if not statuses:
            return []
        with self._session() as session:
            found = session.all(
                LIST_BATCHES_BY_STATUS, tuple(statuses), row_mapping.naive(issued_before), limit
            )
        return [row_mapping.batch(row) for row in found]

    def list_assets_by_batch(self, batch_id: BatchId) -> list[Asset]:
        with self._session() as session:
            return [row_mapping.asset(row) for row in session.all(LIST_ASSETS, batch_id)]

    def get_job_by_id(self, job_id: JobId) -> Job:
        with self._session() as session:
            row = session.one(GET_JOB, job_id)
        if row is None:
            raise JobNotFound(f"There is no job {job_id}.")
        return row_mapping.job(row)

    def list_jobs_by_batch(self, batch_id: BatchId) -> list[Job]:
        with self._session() as session:
            return [row_mapping.job(row) for row in session.all(LIST_JOBS_BY_BATCH, batch_id)]

    def list_jobs_by_status(
        self, statuses: Sequence[JobStatus], *, after: JobId | None = None, limit: int = 200
    ) -> list[Job]:
        if not statuses:
            return []
        with self._session() as session:
            found = session.all(LIST_JOBS_BY_STATUS, tuple(statuses), after or 0, limit)
        return [row_mapping.job(row) for row in found]

    def count_inflight_jobs(self) -> int:
        with self._session() as session:
            row = session.one(COUNT_INFLIGHT_JOBS)
        return int(row[0]) if row else 0

    def list_outbox(self, *, limit: int = 100) -> list[OutboxEntry]:
        with self._session() as session:
            return [row_mapping.outbox_entry(row) for row in session.all(LIST_OUTBOX, limit)]

    def get_last_message(self, job_id: JobId) -> OutboxEntry | None:
        with self._session() as session:
            row = session.one(GET_LAST_MESSAGE, job_id)
        return row_mapping.outbox_entry(row) if row else None
