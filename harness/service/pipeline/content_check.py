"""The check of one file's content, by its declared content type."""

from typing import IO, Any

from harness.service.pipeline import image_decoding, video_probe
from harness.service.pipeline.execution_assets import ExecutionAsset, is_document, is_video
from harness.service.pipeline.formats import media_kind, pdf_document
from harness.service.pipeline.formats.undecodable import VIDEO_SIZE_UNSUPPORTED, Undecodable
from harness.service.pipeline.image_limits import DecodingMemory
from harness.service.pipeline.renditions import can_be_made


def properties(asset: ExecutionAsset, file: IO[bytes], path: str) -> dict[str, Any]:
    """
    Check the content of a file, and return its properties: empty unless it is a video.

    Raises:
        Undecodable: The content is damaged, too large, or not what was declared; its code says which.
    """
    media_kind.must_be(str(asset["contentType"]), file)
    if is_video(asset):
        return _video(path)
    if is_document(asset):
        pdf_document.check(file)
    else:
        image_decoding.check(file, DecodingMemory.of_function())
    return {}


def _video(path: str) -> dict[str, Any]:
    video = video_probe.probe(path)
    if not can_be_made(video.width, video.height):
        reason = f"a video of {video.width}x{video.height} pixels as displayed cannot be transcoded"
        raise Undecodable(reason, VIDEO_SIZE_UNSUPPORTED)
    found = {
        "width": video.width,
        "height": video.height,
        "durationSeconds": round(video.duration, 3),
        "hasAudio": video.has_audio,
    }
    # Only where it is true: a state has at most 256 KiB.
    return found | ({"wideColour": True} if video.wide_colour else {})
