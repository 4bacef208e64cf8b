"""
The Lambda function ``listing-media-zip``: create one ZIP with all downloads of a batch.

Input: the state after fan-in. Output: ``{"key", "bytes", "assets", "outputs", "startedAt"}``; ``outputs`` are
the results of all files, so that from here on the state of the execution has the complete result of the job.

The ZIP contains the large image of every photo, the largest MP4 of every video and every document, without
folders, named by sequence and title. Files that could not be processed are left out. Entries are stored, not
deflated: media are compressed already.
"""

import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, cast

from harness.service.core.errors import Rejected
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.object_key import zip_key
from harness.service.pipeline.callback.callback_body import outputs_of
from harness.service.pipeline.execution_assets import ExecutionAsset, assets_in
from harness.service.pipeline.lambda_handler import Event, lambda_handler
from harness.service.pipeline.media_objects import MediaObjects, NoSuchObject, media_objects
from harness.service.pipeline.multipart_writer import MultipartWriter

NAME_LENGTH = 100
NAME_BYTES = 200
"""Longest title in a name, in UTF-8: file systems take names of 255 bytes."""
# Also the marks that reverse the direction of text: with them a name looks as if it had another extension.
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069/\\:*?"<>|]+')
# A fixed time: the same media give the same bytes.
_DATE_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """One file of the ZIP."""

    key: str
    name: str


@lambda_handler("zip", prepare=media_objects)
def handler(event: Event, _context: object) -> Event:
    """
    Create the ZIP of a batch.

    Raises:
        Rejected: ``OBJECT_MISSING``: a derived object no longer exists.
        Retryable: S3 does not answer.
    """
    objects = media_objects()
    key = zip_key(ListingId(event["listingId"]), BatchId(event["batchId"]), JobId(event["jobId"]))
    entries = list(entries_of(event))
    with (
        MultipartWriter(objects, key, "application/zip") as writer,
        # The writer has no tell(), so zipfile does not seek and uses data descriptors.
        zipfile.ZipFile(cast(IO[bytes], writer), "w", zipfile.ZIP_STORED) as bundle,
    ):
        for item in entries:
            _add(bundle, item, objects)
    return {
        "key": key,
        "bytes": writer.bytes_written,
        "assets": len(entries),
        "outputs": list(outputs_of(event)),
        "startedAt": event["validation"].get("startedAt"),
    }


def entries_of(state: Event) -> Iterator[ZipEntry]:
    """Yield the files of the ZIP in gallery order, with names that are unique on any file system."""
    processed = {output["rawKey"]: output["processedKey"] for output in outputs_of(state)}
    taken: set[str] = set()
    for asset in assets_in(state):
        key = processed.get(asset["key"])
        if key:
            yield ZipEntry(key, _unique(readable_name(asset, PurePosixPath(key).suffix), taken))


def readable_name(asset: ExecutionAsset, extension: str) -> str:
    """Return ``<sequence>-<title or file name><extension>``, valid on every file system."""
    title = asset.get("title") or PurePosixPath(asset.get("filename") or asset["stem"]).stem
    safe = _FORBIDDEN.sub("-", unicodedata.normalize("NFC", title)).strip(" .-")[:NAME_LENGTH]
    safe = safe.encode("utf-8", "ignore")[:NAME_BYTES].decode("utf-8", "ignore").strip(" .-")
    number = f"{int(asset['sequence']):02d}"
    return f"{number}-{safe}{extension}" if safe else f"{number}{extension}"


def _unique(name: str, taken: set[str]) -> str:
    path = PurePosixPath(name)
    copies = 1
    while _as_compared(name) in taken:
        copies += 1
        name = f"{path.stem} ({copies}){path.suffix}"
    taken.add(_as_compared(name))
    return name


def _as_compared(name: str) -> str:
    """Return a name as file systems compare it: A.jpg and a.jpg are one file for Windows and macOS."""
    return unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())


def _add(bundle: zipfile.ZipFile, item: ZipEntry, objects: MediaObjects) -> None:
    info = zipfile.ZipInfo(item.name, _DATE_TIME)
    info.external_attr = 0o644 << 16
    try:
        with objects.reading(item.key) as (_, chunks), bundle.open(info, "w", force_zip64=True) as target:
            for chunk in chunks:
                target.write(chunk)
    except NoSuchObject:
        raise Rejected(f"OBJECT_MISSING: {item.key} is not in the bucket") from None
