"""
Where objects live in the bucket.

Keys carry the batch's UUID, so that nobody guesses them, and derived keys the job's number,
so that a retry never overwrites what people can download.
"""

import re
from collections.abc import Sequence

from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType

NAME_LENGTH = 96
CLIENT_ID_LENGTH = 64
EXTENSION_LENGTH = 16
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(text: str, fallback: str = "file") -> str:
    """
    Return *text* with only ``[A-Za-z0-9._-]``, at most 96 long, its extension kept.
    """
    stem, extension = _split(text)
    return f"{_safe(stem, fallback)[: NAME_LENGTH - len(extension)]}{extension}"


def raw_keys(listing: ListingId, batch: BatchId, files: Sequence[ManifestFile]) -> tuple[str, ...]:
    """
    Return the keys a batch's files are uploaded to, in their order; no two are the same.

    The names differ even without their extensions and in one case, because derived objects replace
    the extension and people unpack bundles on file systems that ignore case: of two files with the
    same safe name the second gets ``-2``.
    """
    taken: set[str] = set()
    return tuple(
        f"{listing}/raw/{file.media_type.folder}/{batch}/{_unique_name(file, taken)}" for file in files
    )


def _unique_name(file: ManifestFile, taken: set[str]) -> str:
    name = f"{_safe(file.client_id, 'file')[:CLIENT_ID_LENGTH]}-{safe_name(file.filename)}"
    stem, extension = _split(name)
    candidate, number = stem, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{stem}-{number}"
    taken.add(candidate.lower())
    return f"{candidate}{extension}"


def _split(name: str) -> tuple[str, str]:
    """``photo.JPG`` is ``photo`` and ``.JPG``; what follows a dot and is no extension stays in the stem."""
    stem, dot, extension = name.rpartition(".")
    if dot and extension.isascii() and extension.isalnum() and len(extension) <= EXTENSION_LENGTH:
        return stem, f".{extension}"
    return name, ""


def _safe(text: str, fallback: str) -> str:
    return _UNSAFE.sub("-", text).strip("-.") or fallback


def processed_key(
    listing: ListingId, media_type: MediaType, batch: BatchId, job: JobId, size: str, name: str
) -> str:
    """Return the key of a derived object; *size* is ``small``, ``1080p``, …, *name* has its extension."""
    return f"{listing}/processed/{media_type.folder}/{batch}/{job}/{size}/{name}"


def zip_key(listing: ListingId, batch: BatchId, job: JobId) -> str:
    """Return the key of a job's bundle."""
    return f"{listing}/zip/{batch}/{job}/full.zip"
