"""
Rows to the model and back.

A row is a tuple in the order of the column list next to its reader. Times are naive UTC in the
database and aware UTC outside; JSON is opaque text to both engines and is read and written here.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harness.service.adapters.mysql.session import Row
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, JobId, ListingId, UserId
from harness.service.core.model.job import Job, JobStatus, Provider
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import AssetType, MediaType, Orientation
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.media_repository import OutboxEntry

BATCH_COLUMNS = """
    b.batch_uuid, b.listing_id, b.batch_reference, b.photographer_user_id, b.status, b.upload_manifest_json,
    b.issued_at, b.received_at, b.processing_started_at, b.processing_finished_at,
    b.error_code, b.error_detail, b.deleted_at, b.processing_metadata_json
"""
ASSET_COLUMNS = """
    b.batch_uuid, a.asset_type, a.source_key, a.checksum_sha256, a.content_type, a.bytes, a.client_id,
    a.filename, a.orientation, a.title, a.sequence, a.processed_key, a.thumbnail_key, a.resolution,
    a.duration_seconds, a.variant_metadata_json, a.error_code, a.error_message
"""
JOB_COLUMNS = """
    j.id, b.batch_uuid, j.status, j.attempt, j.input_payload_json, j.provider, j.external_job_id,
    j.output_payload_json, j.started_at, j.finished_at
"""
OUTBOX_COLUMNS = "o.id, o.body_json, o.attributes_json, o.attempts, o.sent_at"


def batch(row: Row) -> Batch:
    (
        uuid,
        listing_id,
        reference,
        uploaded_by,
        status,
        manifest,
        issued_at,
        received_at,
        started_at,
        finished_at,
        error_code,
        error_detail,
        deleted_at,
        metadata,
    ) = row
    return Batch(
        id=BatchId(uuid),
        listing_id=ListingId(listing_id),
        reference=reference,
        uploaded_by=UserId(uploaded_by),
        status=BatchStatus(status),
        uploads=tuple(_upload(fields) for fields in json.loads(manifest)),
        issued_at=issued_at.replace(tzinfo=UTC),
        received_at=_aware(received_at),
        processing_started_at=_aware(started_at),
        processing_finished_at=_aware(finished_at),
        error_code=error_code,
        error_detail=error_detail,
        deleted_at=_aware(deleted_at),
        processing_metadata=json.loads(metadata or "{}"),
    )


def asset(row: Row) -> Asset:
    (
        batch_uuid,
        asset_type,
        source_key,
        checksum,
        content_type,
        bytes_,
        client_id,
        filename,
        orientation,
        title,
        sequence,
        processed_key,
        thumbnail_key,
        resolution,
        duration_seconds,
        variants,
        error_code,
        error_message,
    ) = row
    return Asset(
        batch_id=BatchId(batch_uuid),
        asset_type=AssetType(asset_type),
        source_key=source_key,
        checksum_sha256=checksum,
        content_type=content_type,
        bytes=bytes_,
        client_id=client_id,
        filename=filename,
        orientation=Orientation(orientation) if orientation else None,
        title=title,
        sequence=sequence,
        processed_key=processed_key,
        thumbnail_key=thumbnail_key,
        resolution=resolution,
        duration_seconds=duration_seconds,
        variants=json.loads(variants or "{}"),
        error_code=error_code,
        error_message=error_message,
    )


def job(row: Row) -> Job:
    (
        id_,
        batch_uuid,
        status,
        attempt,
        input_payload,
        provider,
        external_id,
        output_payload,
        started_at,
        finished_at,
    ) = row
    return Job(
        id=JobId(id_),
        batch_id=BatchId(batch_uuid),
        status=JobStatus(status),
        attempt=attempt,
        input_payload=json.loads(input_payload),
        provider=Provider(provider),
        external_id=external_id,
        output_payload=None if output_payload is None else json.loads(output_payload),
        started_at=_aware(started_at),
        finished_at=_aware(finished_at),
    )


def outbox_entry(row: Row) -> OutboxEntry:
    (
        id_,
        body,
        attributes,
        attempts,
        sent_at,
    ) = row
    return OutboxEntry(id_, JobMessage.parse(body, json.loads(attributes)), attempts, _aware(sent_at))


def manifest(uploads: tuple[Upload, ...]) -> str:
    """Return the text of ``upload_manifest_json``."""
    return to_json([_upload_fields(upload) for upload in uploads])


def _upload_fields(upload: Upload) -> dict[str, object]:
    file = upload.file
    return {
        "clientId": file.client_id,
        "mediaType": file.media_type,
        "filename": file.filename,
        "contentType": file.content_type,
        "bytes": file.bytes,
        "checksum": file.checksum.hex,
        "sequence": file.sequence,
        "title": file.title,
        "metadata": dict(file.metadata),
        "s3Key": upload.key,
        "etag": upload.etag,
    }


def _upload(fields: Mapping[str, Any]) -> Upload:
    file = ManifestFile(
        client_id=fields["clientId"],
        media_type=MediaType(fields["mediaType"]),
        filename=fields["filename"],
        content_type=fields["contentType"],
        bytes=fields["bytes"],
        checksum=Sha256(fields["checksum"]),
        sequence=fields["sequence"],
        title=fields["title"],
        metadata=fields["metadata"],
    )
    return Upload(file, fields["s3Key"], fields["etag"])


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def naive(moment: datetime | None) -> datetime | None:
    """
    Return an aware moment as the database keeps it.

    Raises:
        ValueError: *moment* has no time zone; nobody could say when it was.
    """
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime | None) -> datetime | None:
    return moment if moment is None else moment.replace(tzinfo=UTC)
