"""
The files of a batch, as the state machine hands them round: ``{"key", "type", "contentType", …}``.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from harness.service.core.errors import Rejected
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.media_type import MediaType
from harness.service.core.model.object_key import processed_key

Asset = dict[str, Any]
_REQUIRED = ("key", "type", "bytes", "checksum", "contentType")


def assets_of(event: Mapping[str, Any]) -> list[Asset]:
    """
    Return the files of an execution's input, each with its ``sequence`` and a ``stem`` of its own.

    Raises:
        Rejected: There are none, or one lacks a field or has an unknown type.
    """
    files = event.get("assets")
    if not files:
        raise Rejected("INPUT_INVALID: the execution's input has no assets")
    for file in files:
        missing = [name for name in _REQUIRED if file.get(name) in (None, "")]
        if missing:
            raise Rejected(f"INPUT_INVALID: asset {file.get('key')} lacks {', '.join(missing)}")
        if file["type"] not in MediaType.__members__:
            raise Rejected(f"INPUT_INVALID: asset {file['key']} has the unknown type {file['type']}")
    stems = _stems(files)
    return [
        {"sequence": place, **file, "stem": stem}
        for place, (file, stem) in enumerate(zip(files, stems, strict=True), start=1)
    ]


def is_document(asset: Mapping[str, Any]) -> bool:
    return str(asset["contentType"]).strip().lower() == "application/pdf"


def is_video(asset: Mapping[str, Any]) -> bool:
    return MediaType(asset["type"]).is_video


def derived_key(state: Mapping[str, Any], asset: Mapping[str, Any], size: str, extension: str) -> str:
    """Return the key of something made from *asset*; *size* is ``small``, ``original``, …"""
    return processed_key(
        ListingId(state["listingId"]),
        MediaType(asset["type"]),
        BatchId(state["batchId"]),
        JobId(state["jobId"]),
        size,
        f"{asset['stem']}{extension}",
    )


def video_prefix(state: Mapping[str, Any], asset: Mapping[str, Any]) -> str:
    """Return the folder of everything made from a video."""
    return derived_key(state, asset, "", "").rpartition("//")[0]


def _stems(files: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Return names without extension, none twice in a folder: x.jpg and x.png must not become one x.jpg."""
    taken: set[str] = set()
    stems = []
    for file in files:
        path = PurePosixPath(file["key"])
        stem = path.stem
        while f"{path.parent}/{stem}" in taken:
            stem += "-" + path.suffix.removeprefix(".")
        taken.add(f"{path.parent}/{stem}")
        stems.append(stem)
    return stems
