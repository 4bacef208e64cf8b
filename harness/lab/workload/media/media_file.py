"""A file with its content."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that can be uploaded; *extension* begins with a dot."""

    content: bytes
    content_type: str
    extension: str
