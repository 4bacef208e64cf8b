"""
What can be changed in one transaction.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime

import pymysql
from pymysql.constants import ER

from harness.service.adapters.mysql import row_mapping
from harness.service.adapters.mysql.media_reads import ASSETS, BATCHES, JOBS, OUTBOX, MySQLMediaReads
from harness.service.adapters.mysql.session import DatabaseSession, Row, Statement
from harness.service.core.errors import (
    BatchConflict,
    BatchNotFound,
    BatchStatusInvalid,
    Conflict,
    JobNotFound,
)
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, JobStatus, NewJob
from harness.service.core.model.listing import ListingStatus
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.media_repository import MediaTransaction

LISTINGS = "listing_versions"
DEAD_LETTERS = "media_dead_letters"

INSERT_BATCH = Statement(
    "insert",
    BATCHES,
    """
    INSERT INTO listing_media_batches (
        batch_uuid, listing_id, batch_reference, photographer_user_id, status, upload_manifest_json,
        issued_at, received_at, processing_started_at, processing_finished_at,
        error_code, error_detail, deleted_at, processing_metadata_json
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    """,
)
UPDATE_BATCH_STATUS = Statement(
    "update",
    BATCHES,
    """
    UPDATE listing_media_batches
    SET status = %s, upload_manifest_json = %s, received_at = %s, processing_started_at = %s,
        processing_finished_at = %s, error_code = %s, error_detail = %s, processing_metadata_json = %s
    WHERE batch_uuid = %s AND status = %s AND deleted_at IS NULL
    """,
)
SOFT_DELETE_BATCH = Statement(
    "update",
    BATCHES,
    "UPDATE listing_media_batches SET deleted_at = %s WHERE batch_uuid = %s AND deleted_at IS NULL",
)
BATCH_ROW_ID = Statement("select", BATCHES, "SELECT id FROM listing_media_batches WHERE batch_uuid = %s")

_INSERT_ASSET = """
    INSERT INTO listing_media_assets (
        batch_id, asset_type, source_key, checksum_sha256, content_type, bytes, client_id, filename,
        orientation, title, sequence, processed_key, thumbnail_key, resolution, duration_seconds,
        variant_metadata_json, error_code, error_message
    ) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
INSERT_ASSET = Statement("insert", ASSETS, _INSERT_ASSET)
# There are two unique keys. Should another file of the batch have the same place in the gallery, the
# first assignment makes the statement fail (NULL in a NOT NULL column) instead of overwriting that file.
UPSERT_ASSET = Statement(
    "upsert",
    ASSETS,
    _INSERT_ASSET
    + """
    ON DUPLICATE KEY UPDATE
        source_key =
            IF(source_key = VALUES(source_key) AND asset_type = VALUES(asset_type), source_key, NULL),
        checksum_sha256 = VALUES(checksum_sha256), content_type = VALUES(content_type), bytes = VALUES(bytes),
        client_id = VALUES(client_id), filename = VALUES(filename), orientation = VALUES(orientation),
        title = VALUES(title), sequence = VALUES(sequence), processed_key = VALUES(processed_key),
        thumbnail_key = VALUES(thumbnail_key), resolution = VALUES(resolution),
        duration_seconds = VALUES(duration_seconds), variant_metadata_json = VALUES(variant_metadata_json),
        error_code = VALUES(error_code), error_message = VALUES(error_message)
    """,
)
INSERT_JOB = Statement(
    "insert",
    JOBS,
    """
    INSERT INTO listing_media_jobs (batch_id, attempt, provider, status, input_payload_json)
    SELECT b.id, %s, %s, %s, %s FROM listing_media_batches b WHERE b.batch_uuid = %s
    """,
)
UPDATE_JOB = Statement(
    "update",
    JOBS,
    """
    UPDATE listing_media_jobs
    SET status = %s, external_job_id = %s, output_payload_json = %s, started_at = %s, finished_at = %s
    WHERE id = %s AND status IN ('PENDING', 'RUNNING')
    """,
)
JOB_STATUS = Statement("select", JOBS, "SELECT status FROM listing_media_jobs WHERE id = %s")
LOCK_LISTING = Statement(
    "lock",
    LISTINGS,
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
    LISTINGS,
    """
    UPDATE listing_versions v
    JOIN listing_identities l ON l.active_version_id = v.id
    SET v.status = %s
    WHERE l.id = %s AND v.status = %s
    """,
)
INSERT_OUTBOX = Statement(
    "insert", OUTBOX, "INSERT INTO media_outbox (job_id, body_json, attributes_json) VALUES (%s, %s, %s)"
)
MARK_SENT = Statement("update", OUTBOX, "UPDATE media_outbox SET sent_at = %s WHERE id = %s")
MARK_SEND_FAILED = Statement(
    "update", OUTBOX, "UPDATE media_outbox SET attempts = attempts + 1, last_error = %s WHERE id = %s"
)
INSERT_DEAD_LETTER = Statement(
    "insert",
    DEAD_LETTERS,
    "INSERT INTO media_dead_letters (message_id, job_id, body, seen_at) VALUES (%s, %s, %s, %s)",
)


class MySQLMediaTransaction(MySQLMediaReads, MediaTransaction):
    """
    One open transaction.
    """

    def __init__(self, session: DatabaseSession) -> None:
        self._sql = session

    def _session(self) -> AbstractContextManager[DatabaseSession]:
        return nullcontext(self._sql)

    def create_batch(self, batch: Batch) -> None:
        parameters = (
            batch.id,
            batch.listing_id,
            batch.reference,
            batch.uploaded_by,
            batch.status,
            row_mapping.manifest(batch.uploads),
            row_mapping.naive(batch.issued_at),
            row_mapping.naive(batch.received_at),
            row_mapping.naive(batch.processing_started_at),
            row_mapping.naive(batch.processing_finished_at),
            batch.error_code,
            batch.error_detail,
            row_mapping.naive(batch.deleted_at),
            row_mapping.to_json(dict(batch.processing_metadata)),
        )
        try:
            self._sql.insert(INSERT_BATCH, *parameters)
        except pymysql.IntegrityError as error:
            raise _reference_taken(error, batch) from error

    def update_batch_status(self, batch: Batch, *, expected: BatchStatus) -> None:
        parameters = (
            batch.status,
            row_mapping.manifest(batch.uploads),
            row_mapping.naive(batch.received_at),
            row_mapping.naive(batch.processing_started_at),
            row_mapping.naive(batch.processing_finished_at),
            batch.error_code,
            batch.error_detail,
            row_mapping.to_json(dict(batch.processing_metadata)),
            batch.id,
            expected,
        )
        try:
            found = self._sql.write(UPDATE_BATCH_STATUS, *parameters)
        except pymysql.IntegrityError as error:
            raise _reference_taken(error, batch) from error
        if not found:
            raise BatchStatusInvalid(f"Batch {batch.id} is not {expected} any more.")

    def soft_delete_batch(self, batch_id: BatchId, *, at: datetime) -> None:
        if not self._sql.write(SOFT_DELETE_BATCH, row_mapping.naive(at), batch_id):
            raise BatchNotFound(f"There is no batch {batch_id}.")

    def create_asset(self, asset: Asset) -> None:
        self._sql.insert(INSERT_ASSET, *_asset_parameters(self._row_id(asset.batch_id), asset))

    def upsert_assets(self, batch_id: BatchId, assets: Sequence[Asset]) -> None:
        if not assets:
            return
        row_id = self._row_id(batch_id)
        try:
            self._sql.write_many(UPSERT_ASSET, [_asset_parameters(row_id, asset) for asset in assets])
        except pymysql.IntegrityError as error:
            if error.args[0] != ER.BAD_NULL_ERROR:
                raise
            raise ValueError(f"Batch {batch_id} has two assets with one place in the gallery.") from error

    def _row_id(self, batch_id: BatchId) -> int:
        row = self._sql.one(BATCH_ROW_ID, batch_id)
        if row is None:
            raise BatchNotFound(f"There is no batch {batch_id}.")
        return int(row[0])

    def create_job(self, job: NewJob) -> Job:
        payload = row_mapping.to_json(dict(job.input_payload))
        number = self._sql.insert(
            INSERT_JOB, job.attempt, job.provider, JobStatus.PENDING, payload, job.batch_id
        )
        if not number:
            raise BatchNotFound(f"There is no batch {job.batch_id}.")
        return Job(
            id=JobId(number),
            batch_id=job.batch_id,
            status=JobStatus.PENDING,
            attempt=job.attempt,
            input_payload=job.input_payload,
            provider=job.provider,
        )

    def update_job(self, job: Job) -> None:
        output = None if job.output_payload is None else row_mapping.to_json(dict(job.output_payload))
        found = self._sql.write(
            UPDATE_JOB,
            job.status,
            job.external_id,
            output,
            row_mapping.naive(job.started_at),
            row_mapping.naive(job.finished_at),
            job.id,
        )
        if not found:
            self._explain_refused_update(job)

    def _explain_refused_update(self, job: Job) -> None:
        row = self._sql.one(JOB_STATUS, job.id)
        if row is None:
            raise JobNotFound(f"There is no job {job.id}.")
        raise Conflict(f"Job {job.id} is already {row[0]}.")

    def lock_listing(self, listing_id: ListingId) -> ListingStatus | None:
        row = self._sql.one(LOCK_LISTING, listing_id)
        return ListingStatus(row[0]) if row else None

    def advance_listing(self, listing_id: ListingId, *, expected: ListingStatus, to: ListingStatus) -> bool:
        return self._sql.write(ADVANCE_LISTING, int(to), listing_id, int(expected)) > 0

    def add_to_outbox(self, message: JobMessage) -> None:
        self._sql.insert(INSERT_OUTBOX, message.job_id, message.body, row_mapping.to_json(message.attributes))

    def mark_sent(self, entry_id: int, *, at: datetime) -> None:
        self._sql.write(MARK_SENT, row_mapping.naive(at), entry_id)

    def mark_send_failed(self, entry_id: int, detail: str) -> None:
        self._sql.write(MARK_SEND_FAILED, detail, entry_id)

    def record_dead_letter(self, message_id: str, job_id: JobId | None, body: str, *, at: datetime) -> bool:
        try:
            self._sql.write(INSERT_DEAD_LETTER, message_id, job_id, body, row_mapping.naive(at))
        except pymysql.IntegrityError as error:
            if error.args[0] != ER.DUP_ENTRY:
                raise
            return False
        return True


def _reference_taken(error: pymysql.IntegrityError, batch: Batch) -> Exception:
    """Return the conflict a refused row stands for; *error* itself if it stands for none."""
    if error.args[0] == ER.DUP_ENTRY and "uq_batches_live_reference" in str(error.args[1]):
        return BatchConflict(
            f"Listing {batch.listing_id} has a live batch with reference {batch.reference!r}."
        )
    return error


def _asset_parameters(row_id: int, asset: Asset) -> Row:
    return (
        row_id,
        asset.asset_type,
        asset.source_key,
        asset.checksum_sha256,
        asset.content_type,
        asset.bytes,
        asset.client_id,
        asset.filename,
        asset.orientation,
        asset.title,
        asset.sequence,
        asset.processed_key,
        asset.thumbnail_key,
        asset.resolution,
        asset.duration_seconds,
        row_mapping.to_json(dict(asset.variants)),
        asset.error_code,
        asset.error_message,
    )
