"""
Lambda ``listing-media-validate``: every file exists, has the announced size and checksum, and decodes.

In: the execution's input. Out: the files sorted into ``images``, ``videos`` (probed, with their
MediaConvert settings) and ``documents``. The first file that fails rejects the batch.
"""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Any

from harness.service.core.errors import Rejected
from harness.service.pipeline import clips, pictures
from harness.service.pipeline.assets import Asset, assets_of, is_document, is_video, video_prefix
from harness.service.pipeline.entry import Event, entry
from harness.service.pipeline.objects import MediaObjects, NoSuchObject, WrongSize, media_objects
from harness.service.pipeline.renditions import job_settings

PDF_MARGIN_BYTES = 1024
"""Where readers look for a PDF's header and trailer."""


@entry("validate")
def handler(event: Event, _context: object) -> Event:
    """
    Check a batch.

    Raises:
        Rejected: ``UPLOAD_MISSING``, ``SIZE_MISMATCH``, ``CHECKSUM_MISMATCH`` or ``DECODE_FAILED``,
            with the key.
        Retryable: The bucket does not answer.
    """
    started_at = datetime.now(UTC)
    objects = media_objects()
    assets = assets_of(event)
    facts = [_check(asset, objects) for asset in assets]
    return sorted_out(event, assets, facts, objects.bucket) | {"startedAt": started_at.isoformat()}


def sorted_out(
    event: Event, assets: Sequence[Asset], facts: Sequence[dict[str, Any]], bucket: str
) -> dict[str, Any]:
    """
    Return the files of a batch by what becomes of them.

    Args:
        facts: What was found out about each: of a video ``width``, ``height``, ``durationSeconds``
            and ``hasAudio``.
    """
    known = [asset | fact for asset, fact in zip(assets, facts, strict=True)]
    videos = [_video(event, asset, bucket) for asset in known if is_video(asset)]
    others = [asset for asset in known if not is_video(asset)]
    return {
        "images": [asset for asset in others if not is_document(asset)],
        "videos": videos,
        "documents": [asset for asset in others if is_document(asset)],
        "hasVideos": bool(videos),
    }


def _check(asset: Asset, objects: MediaObjects) -> dict[str, Any]:
    key = asset["key"]
    with tempfile.NamedTemporaryFile(prefix="validate-") as file:
        try:
            checksum = objects.fetch(key, file, expected_bytes=asset["bytes"])
        except NoSuchObject:
            raise Rejected(f"UPLOAD_MISSING: {key} is not in the bucket") from None
        except WrongSize as error:
            raise Rejected(f"SIZE_MISMATCH: {error}") from None
        if checksum != asset["checksum"]:
            raise Rejected(f"CHECKSUM_MISMATCH: {key} has SHA-256 {checksum} instead of {asset['checksum']}")
        try:
            return _decode(asset, file, file.name)
        except (pictures.Undecodable, clips.Unplayable, ValueError) as error:
            raise Rejected(f"DECODE_FAILED: {key}: {error}") from error


def _decode(asset: Asset, file: IO[bytes], path: str) -> dict[str, Any]:
    if is_video(asset):
        clip = clips.probe(path)
        return {
            "width": clip.width,
            "height": clip.height,
            "durationSeconds": round(clip.duration, 3),
            "hasAudio": clip.has_audio,
        }
    if is_document(asset):
        check_pdf(file)
    else:
        pictures.check(file)
    return {}


def check_pdf(file: IO[bytes]) -> None:
    """
    Look for a PDF's header and trailer.

    Raises:
        ValueError: One is missing.
    """
    if b"%PDF-" not in file.read(PDF_MARGIN_BYTES):
        raise ValueError("it has no PDF header")
    file.seek(0, 2)
    file.seek(max(0, file.tell() - PDF_MARGIN_BYTES))
    if b"%%EOF" not in file.read():
        raise ValueError("it has no PDF trailer: it is cut short")


def _video(event: Event, asset: Asset, bucket: str) -> Asset:
    video = asset | {"prefix": video_prefix(event, asset)}
    return video | {"jobSettings": job_settings(video, bucket)}
