"""
A row of ``listing_media_assets``: an uploaded file and what the pipeline made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.service.core.model.identifiers import BatchId
from harness.service.core.model.media_type import AssetType, Orientation


@dataclass(frozen=True, slots=True)
class Asset:
    """
    An uploaded file, a thumbnail or a ZIP.

    Attributes:
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
