"""
The Lambda function ``listing-media-validate``: check existence, size, checksum and content of every file.

Input: the input of the execution. Output: the files in three lists: ``images``, ``videos`` (with their
properties and MediaConvert settings) and ``documents``. The first file that is not valid rejects the batch.
"""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Any

from harness.service.core.errors import Rejected
from harness.service.pipeline import image_decoding, video_probe
from harness.service.pipeline.execution_assets import (
    ExecutionAsset,
    assets_of,
    is_document,
    is_video,
    video_prefix,
)
from harness.service.pipeline.lambda_handler import Event, lambda_handler
from harness.service.pipeline.media_objects import MediaObjects, NoSuchObject, WrongSize, media_objects
from harness.service.pipeline.renditions import job_settings

PDF_MARGIN_BYTES = 1024
"""Readers of PDF search the header and trailer in the first and last bytes."""


@lambda_handler("validate")
def handler(event: Event, _context: object) -> Event:
    """
    Check a batch.

    Raises:
        Rejected: ``UPLOAD_MISSING``, ``SIZE_MISMATCH``, ``CHECKSUM_MISMATCH`` or ``DECODE_FAILED``,
            with the key of the file.
        Retryable: S3 does not answer.
    """
    started_at = datetime.now(UTC)
    objects = media_objects()
    assets = assets_of(event)
    properties = [_check(asset, objects) for asset in assets]
    return validation_output(event, assets, properties, objects.bucket) | {
        "startedAt": started_at.isoformat()
    }


def validation_output(
    event: Event, assets: Sequence[ExecutionAsset], properties: Sequence[dict[str, Any]], bucket: str
) -> dict[str, Any]:
    """
    Return the files of a batch in the lists ``images``, ``videos`` and ``documents``.

    The *properties* of a video are ``width``, ``height``, ``durationSeconds`` and ``hasAudio``.
    """
    known = [asset | found for asset, found in zip(assets, properties, strict=True)]
    videos = [_video(event, asset, bucket) for asset in known if is_video(asset)]
    others = [asset for asset in known if not is_video(asset)]
    return {
        "images": [asset for asset in others if not is_document(asset)],
        "videos": videos,
        "documents": [asset for asset in others if is_document(asset)],
        "hasVideos": bool(videos),
    }


def _check(asset: ExecutionAsset, objects: MediaObjects) -> dict[str, Any]:
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
            return _properties(asset, file, file.name)
        except ValueError as error:
            raise Rejected(f"DECODE_FAILED: {key}: {error}") from error


def _properties(asset: ExecutionAsset, file: IO[bytes], path: str) -> dict[str, Any]:
    if is_video(asset):
        video = video_probe.probe(path)
        return {
            "width": video.width,
            "height": video.height,
            "durationSeconds": round(video.duration, 3),
            "hasAudio": video.has_audio,
        }
    if is_document(asset):
        check_pdf(file)
    else:
        image_decoding.check(file)
    return {}


def check_pdf(file: IO[bytes]) -> None:
    """Raise ValueError if the header or trailer of a PDF is missing."""
    if b"%PDF-" not in file.read(PDF_MARGIN_BYTES):
        raise ValueError("it has no PDF header")
    file.seek(0, 2)
    file.seek(max(0, file.tell() - PDF_MARGIN_BYTES))
    if b"%%EOF" not in file.read():
        raise ValueError("it has no PDF trailer, so it is truncated")


def _video(event: Event, asset: ExecutionAsset, bucket: str) -> ExecutionAsset:
    video = asset | {"prefix": video_prefix(event, asset)}
    return video | {"jobSettings": job_settings(video, bucket)}
