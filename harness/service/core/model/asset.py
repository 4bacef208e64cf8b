"""An asset (a row of ``listing_media_assets``): an uploaded file with its derived objects, or a ZIP."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.service.core.model.batch import Upload
from harness.service.core.model.callback import AssetOutput, ZipBundle
from harness.service.core.model.identifiers import BatchId
from harness.service.core.model.media_type import AssetType, Orientation

HLS, POSTER = "hls", "poster"
"""Labels of derived objects that are not renditions: a playlist with its segments, and a preview."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """One image size or MP4 of a file, or the file itself (``original``)."""

    label: str
    key: str
    resolution: str | None


@dataclass(frozen=True, slots=True)
class Asset:
    """
    An uploaded file or a ZIP. A thumbnail is not an asset: its key is in the asset of its file.

    Attributes:
        checksum_sha256: Lower-case hex; empty for a ZIP.
        sequence: Position in the gallery; None for a ZIP.
        processed_key: The object to download: the largest image, the best MP4, the PDF itself.
        resolution: ``"<width>x<height>"``.
        variants: Every derived object by label, e.g. ``{"small": key, "720p": key, "hls": key}``.
        resolutions: The resolution of image sizes and MP4s by label.
        error_code: Why the pipeline could not process this file.
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
    resolutions: Mapping[str, str] = field(default_factory=dict)
    error_code: str | None = None
    error_message: str | None = None

    @classmethod
    def uploaded(cls, batch_id: BatchId, upload: Upload) -> "Asset":
        """Return the asset of a file as the manifest describes it."""
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
        """Return the asset of a batch's ZIP."""
        return cls(
            batch_id=batch_id,
            asset_type=AssetType.ZIP,
            source_key=bundle.key,
            processed_key=bundle.key,
            checksum_sha256="",
            content_type="application/zip",
            bytes=bundle.bytes,
        )

    @property
    def renditions(self) -> tuple[Rendition, ...]:
        """The derived objects that are files of their own, each with its label; empty without a result."""
        keys = {label: key for label, key in self.variants.items() if label not in (HLS, POSTER)}
        if self.processed_key and self.processed_key not in keys.values():
            keys["original"] = self.processed_key
        return tuple(Rendition(label, key, self._resolution(label, key)) for label, key in keys.items())

    def _resolution(self, label: str, key: str) -> str | None:
        return self.resolutions.get(label) or (self.resolution if key == self.processed_key else None)

    def processed(self, output: AssetOutput) -> "Asset":
        """Return the asset after a successful job: all derived objects are replaced."""
        return replace(
            self,
            processed_key=output.processed_key,
            thumbnail_key=output.thumbnail_key,
            resolution=output.resolution,
            duration_seconds=None if output.duration_seconds is None else round(output.duration_seconds),
            variants=dict(output.variants),
            resolutions=dict(output.resolutions),
            error_code=None,
            error_message=None,
        )

    def failed(self, output: AssetOutput) -> "Asset":
        """Return the asset after a job that failed: the derived objects of an earlier job remain."""
        return replace(self, error_code=output.error_code, error_message=output.error_message)
