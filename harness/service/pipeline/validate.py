"""
The Lambda function ``listing-media-validate``: check existence, size, checksum and content of every file.

Input: the input of the execution. Output: the files in three lists: ``images``, ``videos`` (with their
properties and output settings) and ``documents``. A file that is not valid rejects the batch, after all
files are checked: the error names every such file.
"""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from harness.service.core.errors import Rejected
from harness.service.pipeline import content_check
from harness.service.pipeline.asset_failures import AssetFailure, error_text
from harness.service.pipeline.execution_assets import (
    ExecutionAsset,
    assets_of,
    is_document,
    is_video,
    video_prefix,
)
from harness.service.pipeline.formats.undecodable import Undecodable
from harness.service.pipeline.lambda_handler import Event, lambda_handler
from harness.service.pipeline.media_objects import MediaObjects, NoSuchObject, WrongSize, media_objects
from harness.service.pipeline.renditions import output_settings


@lambda_handler("validate", prepare=media_objects)
def handler(event: Event, _context: object) -> Event:
    """
    Check a batch.

    Raises:
        Rejected: A line for each file that is not valid: ``UPLOAD_MISSING``, ``SIZE_MISMATCH``,
            ``CHECKSUM_MISMATCH`` or a code of `formats.undecodable`, the key and the reason.
        Retryable: S3 does not answer.
    """
    started_at = datetime.now(UTC)
    objects = media_objects()
    assets = assets_of(event)
    checked = [_check(asset, objects) for asset in assets]
    if failures := [each for each in checked if isinstance(each, AssetFailure)]:
        raise Rejected(error_text(failures))
    properties = [each for each in checked if not isinstance(each, AssetFailure)]
    return validation_output(event, assets, properties, objects.bucket) | {
        "startedAt": started_at.isoformat()
    }


def validation_output(
    event: Event, assets: Sequence[ExecutionAsset], properties: Sequence[dict[str, Any]], bucket: str
) -> dict[str, Any]:
    """
    Return the files of a batch in the lists ``images``, ``videos`` and ``documents``.

    The *properties* of a video are ``width``, ``height``, ``durationSeconds``, ``hasAudio`` and perhaps
    ``wideColour``.
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


def _check(asset: ExecutionAsset, objects: MediaObjects) -> dict[str, Any] | AssetFailure:
    """Return the properties of a file, or why it is not valid."""
    key = asset["key"]
    with tempfile.NamedTemporaryFile(prefix="validate-") as file:
        try:
            checksum = objects.fetch(key, file, expected_bytes=asset["bytes"])
            if checksum != asset["checksum"]:
                reason = f"it has SHA-256 {checksum} instead of {asset['checksum']}"
                return AssetFailure(key, "CHECKSUM_MISMATCH", reason)
            return content_check.properties(asset, file, file.name)
        except NoSuchObject:
            return AssetFailure(key, "UPLOAD_MISSING", "it is not in the bucket")
        except WrongSize as error:
            return AssetFailure(key, "SIZE_MISMATCH", str(error))
        except Undecodable as error:
            return AssetFailure(key, error.code, str(error))


def _video(event: Event, asset: ExecutionAsset, bucket: str) -> ExecutionAsset:
    video = asset | {"prefix": video_prefix(event, asset)}
    return video | output_settings(video, bucket)
