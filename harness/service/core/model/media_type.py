"""The types of media: uploaded files, and the assets that the pipeline adds."""

from enum import StrEnum


class Orientation(StrEnum):
    VERTICAL = "VERTICAL"
    HORIZONTAL = "HORIZONTAL"


class Family(StrEnum):
    """The family of a batch: photos and videos of the photographer, or project files of the owner."""

    SHOOT = "SHOOT"
    PROJECT = "PROJECT"


class MediaType(StrEnum):
    """The type of an uploaded file."""

    PHOTO_VERTICAL = "PHOTO_VERTICAL"
    PHOTO_HORIZONTAL = "PHOTO_HORIZONTAL"
    VIDEO_VERTICAL = "VIDEO_VERTICAL"
    VIDEO_HORIZONTAL = "VIDEO_HORIZONTAL"
    PROJECT_DOC = "PROJECT_DOC"
    PROJECT_RENDER = "PROJECT_RENDER"

    @classmethod
    def parse(cls, text: str) -> "MediaType":
        """Read ``PROJECT_DOC`` or ``project/doc``; raise ValueError for any other text."""
        return cls(text.strip().upper().replace("/", "_"))

    @property
    def folder(self) -> str:
        """The part of an object key for the type: ``photo/vertical``."""
        return self.value.lower().replace("_", "/")

    @property
    def family(self) -> Family:
        return Family.PROJECT if self.value.startswith("PROJECT") else Family.SHOOT

    @property
    def orientation(self) -> Orientation | None:
        """The orientation of the type; None for project files."""
        if self.family is Family.PROJECT:
            return None
        return Orientation(self.value.rpartition("_")[2])

    @property
    def is_video(self) -> bool:
        return self.value.startswith("VIDEO")


class AssetType(StrEnum):
    """The type of a row of ``listing_media_assets``: a media type, or a type that the pipeline adds."""

    PHOTO_VERTICAL = "PHOTO_VERTICAL"
    PHOTO_HORIZONTAL = "PHOTO_HORIZONTAL"
    VIDEO_VERTICAL = "VIDEO_VERTICAL"
    VIDEO_HORIZONTAL = "VIDEO_HORIZONTAL"
    PROJECT_DOC = "PROJECT_DOC"
    PROJECT_RENDER = "PROJECT_RENDER"
    THUMBNAIL = "THUMBNAIL"
    ZIP = "ZIP"
