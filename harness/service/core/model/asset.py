"""
A row of ``listing_media_assets``: an uploaded file and what the pipeline made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.service.core.model.batch import Upload
from harness.service.core.model.callback import AssetOutput, ZipBundle
from harness.service.core.model.identifiers import BatchId
from harness.service.core.model.media_type import AssetType, Orientation


@dataclass(frozen=True, slots=True)
class Asset:
    """
    An uploaded file or a ZIP. (Thumbnails have no row of their own: they are keys of the file they show.)

    Attributes:
        checksum_sha256: Lower-case hex; empty for what the pipeline made, where nobody declared one.
        bytes: Size [bytes].
        sequence: Place in the gallery; None for what the pipeline made.
        processed_key: What people download (the largest image, the 1080p video, the PDF itself).
        thumbnail_key: What people see first.
        resolution: ``"<width>x<height>"``.
        variants: Every derived object by label, e.g. ``{"small": key, "720p": key, "hls": key}``.
        error_code: Why the pipeline could not process this one file.
    """

    batch_id: BatchId
    asset_type: AssetType
    source_key: str
    checksum_sha256: str
    content_type: str
    bytes: int
    client_id: str | None = None
    filename: str | None = None
    orientation: Orientation | None = None
    title: str | None = None
    sequence: int | None = None
    processed_key: str | None = None
    thumbnail_key: str | None = None
    resolution: str | None = None
    duration_seconds: int | None = None
    variants: Mapping[str, str] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None

    @classmethod
    def uploaded(cls, batch_id: BatchId, upload: Upload) -> "Asset":
        """The asset of a file as the client announced it."""
        file = upload.file
        return cls(
            batch_id=batch_id,
            asset_type=AssetType(file.media_type.value),
            source_key=upload.key,
            checksum_sha256=file.checksum.hex,
            content_type=file.content_type,
            bytes=file.bytes,
            client_id=file.client_id,
            filename=file.filename,
            orientation=file.media_type.orientation,
            title=file.title,
            sequence=file.sequence,
        )

    @classmethod
    def bundle(cls, batch_id: BatchId, bundle: ZipBundle) -> "Asset":
        """The asset of a batch's ZIP."""
        return cls(
            batch_id=batch_id,
            asset_type=AssetType.ZIP,
            source_key=bundle.key,
            processed_key=bundle.key,
            checksum_sha256="",
            content_type="application/zip",
            bytes=bundle.bytes,
        )

    def processed(self, output: AssetOutput) -> "Asset":
        """The asset after a run that succeeded: everything derived is replaced."""
        return replace(
            self,
            processed_key=output.processed_key,
            thumbnail_key=output.thumbnail_key,
            resolution=output.resolution,
            duration_seconds=None if output.duration_seconds is None else round(output.duration_seconds),
            variants=dict(output.variants),
            error_code=None,
            error_message=None,
        )

    def failed(self, output: AssetOutput) -> "Asset":
        """The asset after a run that failed on it: what an earlier run made stays."""
        return replace(self, error_code=output.error_code, error_message=output.error_message)
