"""
The mapping between rows of the media tables and objects of the model.

Times are UTC without time zone in the database, and aware UTC datetimes in the model. JSON columns are plain
text for MySQL and MariaDB; they are read and written here.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from harness.service.adapters.mysql.session import Row
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus, MediaStage, Upload
from harness.service.core.model.checksum import Sha256
from harness.service.core.model.job import Job, JobStatus, Provider
from harness.service.core.model.job_message import JobMessage
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import AssetType, MediaType, Orientation
from harness.service.core.ports.media_repository import OutboxEntry

T = TypeVar("T")


def to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def to_utc(moment: datetime | None) -> datetime | None:
    """Return a datetime as the database stores it; raise ValueError if it has no time zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)


def from_utc(moment: datetime | None) -> datetime | None:
    """Return a datetime of the database as an aware datetime."""
    return moment if moment is None else moment.replace(tzinfo=UTC)


def _unchanged(value: Any) -> Any:
    return value


class Column(NamedTuple):
    """A column of a table, the field of the model that it stores, and the conversions between the two."""

    name: str
    field: str
    load: Callable[[Any], Any] = _unchanged
    dump: Callable[[Any], Any] = _unchanged


def _same(*names: str) -> Iterator[Column]:
    """Yield columns whose field has the same name."""
    return (Column(name, name) for name in names)


def _times(*names: str) -> Iterator[Column]:
    return (Column(name, name, from_utc, to_utc) for name in names)


def _json_object(name: str, field: str) -> Column:
    return Column(name, field, lambda text: json.loads(text or "{}"), lambda value: to_json(dict(value)))


@dataclass(frozen=True, slots=True)
class TableMapping(Generic[T]):
    """The columns of one table; *alias* is its name in queries, and ``b`` the batch of a row."""

    alias: str
    model: Callable[..., T]
    columns: tuple[Column, ...]

    @property
    def select_list(self) -> str:
        """The columns for a SELECT; `load` reads its rows."""
        return ", ".join(
            f"{'b' if column.name == 'batch_uuid' else self.alias}.{column.name}" for column in self.columns
        )

    def load(self, row: Row) -> T:
        """Return the object of a row."""
        fields = zip(self.columns, row, strict=True)
        return self.model(**{column.field: column.load(value) for column, value in fields})

    def only(self, *names: str) -> "TableMapping[T]":
        """Return the mapping with the columns *names* only."""
        return TableMapping(self.alias, self.model, tuple(it for it in self.columns if it.name in names))

    def without(self, *names: str) -> "TableMapping[T]":
        """Return the mapping without the columns *names*."""
        return TableMapping(self.alias, self.model, tuple(it for it in self.columns if it.name not in names))

    @property
    def names(self) -> Sequence[str]:
        return [column.name for column in self.columns]

    def values(self, item: T) -> Row:
        """Return the values of the columns for an INSERT or UPDATE."""
        return tuple(column.dump(getattr(item, column.field)) for column in self.columns)


# A file of the manifest: an object in the column ``upload_manifest_json``.
_FILE = (
    Column("clientId", "client_id"),
    Column("mediaType", "media_type", MediaType),
    Column("filename", "filename"),
    Column("contentType", "content_type"),
    Column("bytes", "bytes"),
    Column("checksum", "checksum", Sha256, lambda checksum: checksum.hex),
    *_same("sequence", "title"),
    Column("metadata", "metadata", dump=dict),
)


def _load_manifest(text: str) -> tuple[Upload, ...]:
    return tuple(
        Upload(
            ManifestFile(**{column.field: column.load(values[column.name]) for column in _FILE}),
            values["s3Key"],
            values["etag"],
        )
        for values in json.loads(text)
    )


def _dump_manifest(uploads: Sequence[Upload]) -> str:
    return to_json(
        [
            {column.name: column.dump(getattr(upload.file, column.field)) for column in _FILE}
            | {"s3Key": upload.key, "etag": upload.etag}
            for upload in uploads
        ]
    )


BATCHES = TableMapping(
    "b",
    Batch,
    (
        Column("batch_uuid", "id"),
        Column("listing_id", "listing_id"),
        Column("batch_reference", "reference"),
        Column("photographer_user_id", "uploaded_by"),
        Column("status", "status", BatchStatus),
        Column("upload_manifest_json", "uploads", _load_manifest, _dump_manifest),
        *_times("issued_at", "received_at", "processing_started_at", "processing_finished_at"),
        *_same("error_code", "error_detail"),
        *_times("deleted_at"),
        Column("replaces_batch_uuid", "replaces"),
        Column("media_stage", "media_stage", lambda value: MediaStage(value) if value else None),
        _json_object("processing_metadata_json", "processing_metadata"),
    ),
)
ASSETS = TableMapping(
    "a",
    Asset,
    (
        Column("batch_uuid", "batch_id"),
        Column("asset_type", "asset_type", AssetType),
        *_same("source_key", "checksum_sha256", "content_type", "bytes", "client_id", "filename"),
        Column("orientation", "orientation", lambda value: Orientation(value) if value else None),
        *_same("title", "sequence", "processed_key", "thumbnail_key", "resolution", "duration_seconds"),
        _json_object("variant_metadata_json", "variants"),
        _json_object("variant_resolutions_json", "resolutions"),
        *_same("error_code", "error_message"),
    ),
)
JOBS = TableMapping(
    "j",
    Job,
    (
        Column("id", "id"),
        Column("batch_uuid", "batch_id"),
        Column("status", "status", JobStatus),
        Column("attempt", "attempt"),
        _json_object("input_payload_json", "input_payload"),
        Column("provider", "provider", Provider),
        Column("external_job_id", "external_id"),
        Column(
            "output_payload_json",
            "output_payload",
            lambda text: None if text is None else json.loads(text),
            lambda output: None if output is None else to_json(dict(output)),
        ),
        *_times("started_at", "finished_at"),
    ),
)

OUTBOX_COLUMNS = "o.id, o.body_json, o.attributes_json, o.attempts, o.sent_at"


def outbox_entry(row: Row) -> OutboxEntry:
    """Return the outbox entry of a row with `OUTBOX_COLUMNS`."""
    number, body, attributes, attempts, sent_at = row
    return OutboxEntry(number, JobMessage.parse(body, json.loads(attributes)), attempts, from_utc(sent_at))
