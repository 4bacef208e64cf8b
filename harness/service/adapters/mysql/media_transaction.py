"""The commands of one transaction on batches, assets, jobs, the outbox and the status of listings."""
# ruff: noqa: S608 — the SQL is composed of constants of this package only

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

import pymysql
from pymysql.constants import ER

from harness.service.adapters.mysql.lock_waits import LockWaits
from harness.service.adapters.mysql.media_reads import (
    ASSETS_TABLE,
    BATCHES_TABLE,
    JOBS_TABLE,
    OUTBOX_TABLE,
    MySQLMediaReads,
)
from harness.service.adapters.mysql.row_mapping import ASSETS, BATCHES, JOBS, TableMapping, to_json, to_utc
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.service.core.errors import BatchNotFound, BatchStatusInvalid, Conflict, JobNotFound
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, MediaStage
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.job_message import JobMessage
from harness.service.core.model.listing import ListingStatus
from harness.service.core.ports.media_repository import MediaTransaction

LISTINGS_TABLE = "listing_versions"
DEAD_LETTERS_TABLE = "media_dead_letters"


def _insert_into(table: str, names: Sequence[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"


def _assignments(mapping: TableMapping[Batch] | TableMapping[Job]) -> str:
    return ", ".join(f"{name} = %s" for name in mapping.names)


# The columns that are stored together with a new status.
_CHANGED_BATCH = BATCHES.only(
    "status",
    "upload_manifest_json",
    "received_at",
    "processing_started_at",
    "processing_finished_at",
    "error_code",
    "error_detail",
    "processing_metadata_json",
)
_DELETED_BATCH = BATCHES.only("deleted_at", "processing_metadata_json")
_CHANGED_JOB = JOBS.only("status", "external_job_id", "output_payload_json", "started_at", "finished_at")
_ASSET_VALUES = ASSETS.without("batch_uuid")

INSERT_BATCH = Statement("insert", BATCHES_TABLE, _insert_into(BATCHES_TABLE, BATCHES.names))
UPDATE_BATCH_STATUS = Statement(
    "update",
    BATCHES_TABLE,
    f"UPDATE listing_media_batches SET {_assignments(_CHANGED_BATCH)}"
    " WHERE batch_uuid = %s AND status = %s AND deleted_at IS NULL",
)
SOFT_DELETE_BATCH = Statement(
    "update",
    BATCHES_TABLE,
    f"UPDATE listing_media_batches SET {_assignments(_DELETED_BATCH)}"
    " WHERE batch_uuid = %s AND deleted_at IS NULL",
)
SET_MEDIA_STAGE = Statement(
    "update", BATCHES_TABLE, "UPDATE listing_media_batches SET media_stage = %s WHERE batch_uuid = %s"
)
BATCH_ROW_ID = Statement(
    "select", BATCHES_TABLE, "SELECT id FROM listing_media_batches WHERE batch_uuid = %s"
)
INSERT_ASSET = Statement(
    "insert", ASSETS_TABLE, _insert_into(ASSETS_TABLE, ["batch_id", *_ASSET_VALUES.names])
)
# There are two unique keys. If another file of the batch has the same position in the gallery, the first
# assignment makes the statement fail (NULL in a NOT NULL column) instead of overwriting that file.
UPSERT_ASSET = Statement(
    "upsert",
    ASSETS_TABLE,
    INSERT_ASSET.sql + " ON DUPLICATE KEY UPDATE source_key ="
    " IF(source_key = VALUES(source_key) AND asset_type = VALUES(asset_type), source_key, NULL), "
    + ", ".join(
        f"{name} = VALUES({name})" for name in _ASSET_VALUES.without("asset_type", "source_key").names
    ),
)
INSERT_JOB = Statement(
    "insert",
    JOBS_TABLE,
    """
    INSERT INTO listing_media_jobs (batch_id, attempt, provider, status, input_payload_json)
    SELECT b.id, %s, %s, %s, %s FROM listing_media_batches b WHERE b.batch_uuid = %s
    """,
)
UPDATE_JOB = Statement(
    "update",
    JOBS_TABLE,
    f"UPDATE listing_media_jobs SET {_assignments(_CHANGED_JOB)}"
    " WHERE id = %s AND status IN ('PENDING', 'RUNNING')",
)
JOB_STATUS = Statement("select", JOBS_TABLE, "SELECT status FROM listing_media_jobs WHERE id = %s")
LOCK_LISTING = Statement(
    "lock",
    LISTINGS_TABLE,
    """
    SELECT v.status
    FROM listing_identities l
    JOIN listing_versions v ON v.id = l.active_version_id
    WHERE l.id = %s AND l.deleted = 0
    FOR UPDATE
    """,
)
ADVANCE_LISTING = Statement(
    "update",
    LISTINGS_TABLE,
    """
    UPDATE listing_versions v
    JOIN listing_identities l ON l.active_version_id = v.id
    SET v.status = %s
    WHERE l.id = %s AND v.status = %s
    """,
)
INSERT_OUTBOX = Statement(
    "insert", OUTBOX_TABLE, _insert_into(OUTBOX_TABLE, ["job_id", "body_json", "attributes_json"])
)
MARK_SENT = Statement("update", OUTBOX_TABLE, "UPDATE media_outbox SET sent_at = %s WHERE id = %s")
MARK_SEND_FAILED = Statement(
    "update", OUTBOX_TABLE, "UPDATE media_outbox SET attempts = attempts + 1, last_error = %s WHERE id = %s"
)
INSERT_DEAD_LETTER = Statement(
    "insert",
    DEAD_LETTERS_TABLE,
    _insert_into(DEAD_LETTERS_TABLE, ["message_id", "job_id", "body", "seen_at"]),
)


class MySQLMediaTransaction(MySQLMediaReads, MediaTransaction):
    """One open transaction."""

    def __init__(self, session: DatabaseSession, lock_waits: LockWaits) -> None:
        self._sql = session
        self._lock_waits = lock_waits

    def _session(self) -> AbstractContextManager[DatabaseSession]:
        return nullcontext(self._sql)

    def create_batch(self, batch: Batch) -> None:
        try:
            self._sql.insert(INSERT_BATCH, *BATCHES.values(batch))
        except pymysql.IntegrityError as error:
            raise _batch_conflict(error, batch) from error

    def update_batch_status(self, batch: Batch, *, expected: BatchStatus) -> None:
        try:
            found = self._sql.write(UPDATE_BATCH_STATUS, *_CHANGED_BATCH.values(batch), batch.id, expected)
        except pymysql.IntegrityError as error:
            raise _batch_conflict(error, batch) from error
        if not found:
            raise BatchStatusInvalid(f"Batch {batch.id} is no longer {expected}.")

    def soft_delete_batch(self, batch: Batch) -> None:
        if not self._sql.write(SOFT_DELETE_BATCH, *_DELETED_BATCH.values(batch), batch.id):
            raise BatchNotFound(f"There is no batch {batch.id}.")

    def set_media_stage(self, batch_id: BatchId, stage: MediaStage | None) -> None:
        self._sql.write(SET_MEDIA_STAGE, stage, batch_id)

    def create_asset(self, asset: Asset) -> None:
        self._sql.insert(INSERT_ASSET, self._row_id(asset.batch_id), *_ASSET_VALUES.values(asset))

    def upsert_assets(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        if not assets:
            return
        row_id = self._row_id(batch_id)
        try:
            self._sql.write_many(UPSERT_ASSET, [(row_id, *_ASSET_VALUES.values(asset)) for asset in assets])
        except pymysql.IntegrityError as error:
            if error.args[0] != ER.BAD_NULL_ERROR:
                raise
            raise ValueError(f"Batch {batch_id} has two assets with the same sequence.") from error

    def _row_id(self, batch_id: BatchId) -> int:
        row = self._sql.one(BATCH_ROW_ID, batch_id)
        if row is None:
            raise BatchNotFound(f"There is no batch {batch_id}.")
        return int(row[0])

    def create_job(self, job: NewJob) -> Job:
        payload = to_json(dict(job.input_payload))
        parameters = (job.attempt, job.provider, JobStatus.PENDING, payload, job.batch_id)
        number = self._sql.insert(INSERT_JOB, *parameters)
        if not number:
            raise BatchNotFound(f"There is no batch {job.batch_id}.")
        return job.numbered(JobId(number))

    def update_job(self, job: Job) -> None:
        if self._sql.write(UPDATE_JOB, *_CHANGED_JOB.values(job), job.id):
            return
        row = self._sql.one(JOB_STATUS, job.id)
        if row is None:
            raise JobNotFound(f"There is no job {job.id}.")
        raise Conflict(f"Job {job.id} is already {row[0]}.")

    def lock_listing(self, listing_id: ListingId) -> ListingStatus | None:
        with self._lock_waits.place(f"listing {listing_id}"):
            row = self._sql.one(LOCK_LISTING, listing_id)
        return ListingStatus(row[0]) if row else None

    def advance_listing(self, listing_id: ListingId, *, expected: ListingStatus, to: ListingStatus) -> bool:
        return self._sql.write(ADVANCE_LISTING, int(to), listing_id, int(expected)) > 0

    def add_to_outbox(self, message: JobMessage) -> None:
        self._sql.insert(INSERT_OUTBOX, message.job_id, message.body, to_json(message.attributes))

    def mark_sent(self, entry_id: int, *, at: datetime) -> None:
        self._sql.write(MARK_SENT, to_utc(at), entry_id)

    def mark_send_failed(self, entry_id: int, detail: str) -> None:
        self._sql.write(MARK_SEND_FAILED, detail, entry_id)

    def record_dead_letter(self, message_id: str, job_id: JobId | None, body: str, *, at: datetime) -> bool:
        try:
            self._sql.write(INSERT_DEAD_LETTER, message_id, job_id, body, to_utc(at))
        except pymysql.IntegrityError as error:
            if error.args[0] != ER.DUP_ENTRY:
                raise
            return False
        return True


def _batch_conflict(error: pymysql.IntegrityError, batch: Batch) -> Exception:
    """Return `BatchConflict` if the reference of the batch is in use, otherwise *error* itself."""
    if error.args[0] == ER.DUP_ENTRY and "uq_batches_live_reference" in str(error.args[1]):
        return batch.reference_conflict()
    return error
