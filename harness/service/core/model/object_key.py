"""
Where objects live in the bucket.

Keys carry the batch's UUID, so that nobody guesses them, and derived keys the job's number,
so that a retry never overwrites what people can download.
"""

import re

from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.media_type import MediaType

NAME_LENGTH = 96
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(text: str, fallback: str = "file") -> str:
    """
    Return *text* with only ``[A-Za-z0-9._-]``, at most 96 long, its extension kept.
    """
    name = _UNSAFE.sub("-", text).strip("-.") or fallback
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > 16:
        return name[:NAME_LENGTH]
    return f"{stem[: NAME_LENGTH - len(extension) - 1]}.{extension}"


def raw_key(listing: ListingId, media_type: MediaType, batch: BatchId, client_id: str, filename: str) -> str:
    """Return the key a client uploads a file to."""
    unique = _UNSAFE.sub("-", client_id)[:64]
    return f"{listing}/raw/{media_type.folder}/{batch}/{unique}-{safe_name(filename)}"


def processed_key(
    listing: ListingId, media_type: MediaType, batch: BatchId, job: JobId, size: str, name: str
) -> str:
    """Return the key of a derived object; *size* is ``small``, ``1080p``, …, *name* has its extension."""
    return f"{listing}/processed/{media_type.folder}/{batch}/{job}/{size}/{name}"


def zip_key(listing: ListingId, batch: BatchId, job: JobId) -> str:
    """Return the key of a job's bundle."""
    return f"{listing}/zip/{batch}/{job}/full.zip"
