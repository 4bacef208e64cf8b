"""
Lambda ``listing-media-zip``: one ZIP with everything people would download one by one.

In: the state after fan-in. Out: ``{"key", "bytes", "assets"}``. It holds the large image of every
photo, the best MP4 of every video and every document, flat, named by sequence and title. What could
not be processed is left out. Entries are stored, not deflated: media do not get smaller.
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
from harness.service.pipeline.assets import Asset
from harness.service.pipeline.consolidation import outputs_of
from harness.service.pipeline.entry import Event, entry
from harness.service.pipeline.multipart_writer import MultipartWriter
from harness.service.pipeline.objects import MediaObjects, NoSuchObject, media_objects

NAME_LENGTH = 100
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
# The same bytes for the same media: no clock inside.
_DATE_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the bundle."""

    key: str
    name: str


@entry("zip")
def handler(event: Event, _context: object) -> Event:
    """
    Bundle a batch.

    Raises:
        Rejected: ``OBJECT_MISSING``: something made a moment ago is gone.
        Retryable: The bucket does not answer.
    """
    objects = media_objects()
    key = zip_key(ListingId(event["listingId"]), BatchId(event["batchId"]), JobId(event["jobId"]))
    entries = list(entries_of(event))
    with (
        MultipartWriter(objects, key, "application/zip") as writer,
        # zipfile only writes forwards here: it finds no tell() and uses data descriptors.
        zipfile.ZipFile(cast(IO[bytes], writer), "w", zipfile.ZIP_STORED) as bundle,
    ):
        for item in entries:
            _add(bundle, item, objects)
    return {"key": key, "bytes": writer.bytes_written, "assets": len(entries)}


def entries_of(state: Event) -> Iterator[Entry]:
    """Return what belongs into the bundle, in gallery order, under names unique on any disk."""
    processed = {output["rawKey"]: output["processedKey"] for output in outputs_of(state)}
    validation = state["validation"]
    assets = [*validation["images"], *validation["videos"], *validation["documents"]]
    taken: set[str] = set()
    for asset in sorted(assets, key=lambda asset: int(asset["sequence"])):
        key = processed.get(asset["key"])
        if key:
            yield Entry(key, _unique(readable_name(asset, PurePosixPath(key).suffix), taken))


def readable_name(asset: Asset, extension: str) -> str:
    """Return ``<sequence>-<title or file name><extension>``, safe on every file system."""
    title = asset.get("title") or PurePosixPath(asset.get("filename") or asset["stem"]).stem
    safe = _FORBIDDEN.sub("-", unicodedata.normalize("NFC", title)).strip(" .-")[:NAME_LENGTH]
    number = f"{int(asset['sequence']):02d}"
    return f"{number}-{safe}{extension}" if safe else f"{number}{extension}"


def _unique(name: str, taken: set[str]) -> str:
    path = PurePosixPath(name)
    copies = 1
    # Windows and macOS take A.jpg and a.jpg for the same file.
    while name.casefold() in taken:
        copies += 1
        name = f"{path.stem} ({copies}){path.suffix}"
    taken.add(name.casefold())
    return name


def _add(bundle: zipfile.ZipFile, item: Entry, objects: MediaObjects) -> None:
    info = zipfile.ZipInfo(item.name, _DATE_TIME)
    info.external_attr = 0o644 << 16
    try:
        with objects.reading(item.key) as (_, chunks), bundle.open(info, "w", force_zip64=True) as target:
            for chunk in chunks:
                target.write(chunk)
    except NoSuchObject:
        raise Rejected(f"OBJECT_MISSING: {item.key} is not in the bucket") from None
