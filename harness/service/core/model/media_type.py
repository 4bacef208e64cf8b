"""
What can be uploaded, and what the pipeline adds.
"""

from enum import StrEnum


class Orientation(StrEnum):
    VERTICAL = "VERTICAL"
    HORIZONTAL = "HORIZONTAL"


class Family(StrEnum):
    """Who may upload: photographers shoot, owners bring project files. One family per batch."""

    SHOOT = "SHOOT"
    PROJECT = "PROJECT"


class MediaType(StrEnum):
    """The kind of an uploaded file."""

    PHOTO_VERTICAL = "PHOTO_VERTICAL"
    PHOTO_HORIZONTAL = "PHOTO_HORIZONTAL"
    VIDEO_VERTICAL = "VIDEO_VERTICAL"
    VIDEO_HORIZONTAL = "VIDEO_HORIZONTAL"
    PROJECT_DOC = "PROJECT_DOC"
    PROJECT_RENDER = "PROJECT_RENDER"

    @classmethod
    def parse(cls, text: str) -> "MediaType":
        """
        Read a media type in either spelling: ``PROJECT_DOC`` or ``project/doc``.

        Raises:
            ValueError: *text* names no media type that can be uploaded.
        """
        return cls(text.strip().upper().replace("/", "_"))

    @property
    def folder(self) -> str:
        """The part of an object key that tells the type: ``photo/vertical``."""
        return self.value.lower().replace("_", "/")

    @property
    def family(self) -> Family:
        return Family.PROJECT if self.value.startswith("PROJECT") else Family.SHOOT

    @property
    def orientation(self) -> Orientation | None:
        """What the type says about orientation; project files have none."""
        if self.family is Family.PROJECT:
            return None
        return Orientation(self.value.rpartition("_")[2])

    @property
    def is_photo(self) -> bool:
        return self.value.startswith("PHOTO")

    @property
    def is_video(self) -> bool:
        return self.value.startswith("VIDEO")


class AssetType(StrEnum):
    """The kind of a row in ``listing_media_assets``: uploads, and what the pipeline makes."""

    PHOTO_VERTICAL = "PHOTO_VERTICAL"
    PHOTO_HORIZONTAL = "PHOTO_HORIZONTAL"
    VIDEO_VERTICAL = "VIDEO_VERTICAL"
    VIDEO_HORIZONTAL = "VIDEO_HORIZONTAL"
    PROJECT_DOC = "PROJECT_DOC"
    PROJECT_RENDER = "PROJECT_RENDER"
    THUMBNAIL = "THUMBNAIL"
    ZIP = "ZIP"
