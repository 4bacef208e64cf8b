"""
A file ready to be uploaded.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaFile:
    """*extension* has its dot."""

    content: bytes
    content_type: str
    extension: str
