"""The files of a batch in the state of an execution: ``{"key", "type", "contentType", …}``."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from harness.service.core.errors import Rejected
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.media_type import MediaType
from harness.service.core.model.object_key import processed_key

ExecutionAsset = dict[str, Any]
_REQUIRED = ("key", "type", "bytes", "checksum", "contentType")


def assets_of(event: Mapping[str, Any]) -> list[ExecutionAsset]:
    """
    Return the files in the input of an execution, each with a ``sequence`` and a unique ``stem``.

    An input without files, or with a file that is not described completely, is ``Rejected``.
    """
    files = event.get("assets")
    if not files:
        raise Rejected("INPUT_INVALID: the input of the execution has no assets")
    for file in files:
        missing = [name for name in _REQUIRED if file.get(name) in (None, "")]
        if missing:
            raise Rejected(f"INPUT_INVALID: asset {file.get('key')} lacks {', '.join(missing)}")
        if file["type"] not in MediaType.__members__:
            raise Rejected(f"INPUT_INVALID: asset {file['key']} has the unknown type {file['type']}")
    stems = _stems(files)
    return [
        {"sequence": position, **file, "stem": stem}
        for position, (file, stem) in enumerate(zip(files, stems, strict=True), start=1)
    ]


def assets_in(state: Mapping[str, Any]) -> list[ExecutionAsset]:
    """
    Return the files in the state of an execution: in gallery order after validation, else as given.

    A state without files raises `KeyError`.
    """
    if (validation := state.get("validation")) is None:
        return list(state["assets"])
    validated = [*validation["images"], *validation["videos"], *validation["documents"]]
    return sorted(validated, key=lambda asset: int(asset["sequence"]))


def empty_output(asset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the output of a file without derived objects."""
    unknown = dict.fromkeys(("processedKey", "thumbnailKey", "outputs", "width", "height"))
    return {"rawKey": asset["key"], **unknown, "outputs": {}}


def is_document(asset: Mapping[str, Any]) -> bool:
    return str(asset["contentType"]).strip().lower() == "application/pdf"


def is_video(asset: Mapping[str, Any]) -> bool:
    return MediaType(asset["type"]).is_video


def derived_key(state: Mapping[str, Any], asset: Mapping[str, Any], size: str, extension: str) -> str:
    """Return the key of an object derived from *asset*; *size* is ``small``, ``original``, …"""
    return processed_key(
        ListingId(state["listingId"]),
        MediaType(asset["type"]),
        BatchId(state["batchId"]),
        JobId(state["jobId"]),
        size,
        f"{asset['stem']}{extension}",
    )


def video_prefix(state: Mapping[str, Any], asset: Mapping[str, Any]) -> str:
    """Return the common prefix of the objects derived from a video."""
    return derived_key(state, asset, "", "").rpartition("//")[0]


def _stems(files: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Return names without extension, unique in a folder: x.jpg and x.png must not both become x.jpg."""
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
