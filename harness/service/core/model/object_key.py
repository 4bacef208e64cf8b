"""
The keys of the objects in the bucket.

A key contains the UUID of the batch, so that it cannot be guessed. The key of a derived object also contains
the id of the job, so that a retry does not overwrite objects that users can download.
"""

import re
from collections.abc import Collection, Sequence

from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.manifest import ManifestFile
from harness.service.core.model.media_type import MediaType

NAME_LENGTH = 96
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_FOLDERS = "|".join(media_type.folder for media_type in MediaType)
# No part after the batch is empty, "." or "..".
_KEY = re.compile(
    rf"(?P<listing>[0-9]+)/((raw|processed)/({_FOLDERS})|zip)/(?P<batch>[^/]+)"
    r"(/(?!\.\.?(/|$))[A-Za-z0-9._-]+)+"
)


def safe_name(text: str, fallback: str = "file") -> str:
    """Return *text* reduced to ``[A-Za-z0-9._-]`` and 96 characters, with its extension."""
    stem, extension = _split(text)
    return f"{_safe(stem, fallback)[: NAME_LENGTH - len(extension)]}{extension}"


def raw_keys(listing: ListingId, batch: BatchId, files: Sequence[ManifestFile]) -> tuple[str, ...]:
    """
    Return the upload key of each file of a batch, in the order of *files*; the keys are unique.

    The names also differ without extension and in lower case: a derived object has another extension, and
    users unpack the ZIP on file systems that ignore case. The second file with the same name gets ``-2``.
    """
    taken: set[str] = set()
    return tuple(
        f"{listing}/raw/{file.media_type.folder}/{batch}/{_unique_name(file, taken)}" for file in files
    )


def _unique_name(file: ManifestFile, taken: set[str]) -> str:
    name = f"{_safe(file.client_id, 'file')[:64]}-{safe_name(file.filename)}"
    stem, extension = _split(name)
    candidate, number = stem, 1
    while candidate.lower() in taken:
        number += 1
        candidate = f"{stem}-{number}"
    taken.add(candidate.lower())
    return f"{candidate}{extension}"


def _split(name: str) -> tuple[str, str]:
    """Return ``photo`` and ``.JPG`` of ``photo.JPG``; other text after a dot stays in the stem."""
    stem, dot, extension = name.rpartition(".")
    if dot and extension.isascii() and extension.isalnum() and len(extension) <= 16:
        return stem, f".{extension}"
    return name, ""


def _safe(text: str, fallback: str) -> str:
    return _UNSAFE.sub("-", text).strip("-.") or fallback


def processed_key(
    listing: ListingId, media_type: MediaType, batch: BatchId, job: JobId, size: str, name: str
) -> str:
    """Return the key of a derived object; *size* is ``small``, ``1080p``, …; *name* has an extension."""
    return f"{listing}/processed/{media_type.folder}/{batch}/{job}/{size}/{name}"


def zip_key(listing: ListingId, batch: BatchId, job: JobId) -> str:
    """Return the key of the ZIP of a job."""
    return f"{listing}/zip/{batch}/{job}/full.zip"


def key_prefixes(listing: ListingId, batch: BatchId, media_types: Collection[MediaType]) -> tuple[str, ...]:
    """Return the prefixes of all objects of a batch with files of *media_types*; each ends with a slash."""
    folders = sorted(media_type.folder for media_type in set(media_types))
    kinds = [f"{kind}/{folder}" for kind in ("raw", "processed") for folder in folders]
    return tuple(f"{listing}/{kind}/{batch}/" for kind in (*kinds, "zip"))


def belongs_to(key: str, listing: ListingId, batch: BatchId) -> bool:
    """Return whether *key* is a key of this batch: a raw file, a derived object or the ZIP of a job."""
    match = _KEY.fullmatch(key)
    return match is not None and (match["listing"], match["batch"]) == (str(listing), batch)
