"""
The renditions of a video: an MP4 for each rung of the ladder, one HLS presentation of all rungs, a poster.

Sizes in pixels, rates in bits per second, time in seconds. "1080p" means 1080 on the shorter side,
so that vertical and horizontal videos have the same quality.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.service.core.model.asset import HLS, POSTER

FRAME_SUFFIX = ".0000000.jpg"
"""What MediaConvert adds to the destination of the first captured frame."""
KEYFRAME_INTERVAL_S = 2
SHORTEST_SIDE, LONGEST_SIDE = 32, 4096
"""The sides of an H.264 output of MediaConvert."""

_BT709 = "FORCE_709"


@dataclass(frozen=True, slots=True)
class Rung:
    """One size in which a video is offered."""

    label: str
    width: int
    height: int
    max_bitrate: int
    audio_bitrate: int


_STANDARD_RUNGS = ((1080, 5_000_000, 128_000), (720, 3_000_000, 96_000))


def can_be_made(width: int, height: int) -> bool:
    """Return whether the transcoder can make every size in which a video of *width* × *height* is offered."""
    if min(width, height) < SHORTEST_SIDE:
        return False
    return all(max(rung.width, rung.height) <= LONGEST_SIDE for rung in ladder(width, height))


def ladder(width: int, height: int) -> tuple[Rung, ...]:
    """
    Return the sizes in which a video of *width* × *height* is offered, largest first.

    No size is larger than the source. A source that is smaller than all rungs gets one rung of its own size.
    """
    shorter = min(width, height)
    rungs = [_rung(width, height, *standard) for standard in _STANDARD_RUNGS if standard[0] <= shorter]
    return tuple(rungs) or (_rung(width, height, shorter, *_STANDARD_RUNGS[-1][1:]),)


def _rung(width: int, height: int, shorter: int, max_bitrate: int, audio_bitrate: int) -> Rung:
    scale = shorter / min(width, height)
    return Rung(f"{shorter}p", _even(width * scale), _even(height * scale), max_bitrate, audio_bitrate)


def _even(length: float) -> int:
    # 4:2:0 frames have even sides; rounding up would enlarge the video.
    return max(2, int(length + 1e-6) // 2 * 2)


def keys(video: Mapping[str, Any]) -> dict[str, str]:
    """Return the derived keys of a validated video by label: MP4s, largest first, ``hls``, ``poster``."""
    files = {rung.label: f"{_mp4(video, rung)}.mp4" for rung in ladder(video["width"], video["height"])}
    return files | {HLS: f"{_hls(video)}.m3u8", POSTER: f"{_poster(video)}{FRAME_SUFFIX}"}


def output_settings(video: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    """
    Return what differs between the transcoding jobs of validated videos; the state machine has the rest.

    ``mp4Groups`` are MediaConvert's output groups of the MP4s, ``hlsOutputs`` the outputs of the group of
    HLS, and ``poster`` has the size and the colour conversion of the captured frame. Sound is kept if the
    video has sound. HDR becomes SDR (BT.709), which every player shows. The bucket encrypts the objects
    with its default KMS key.
    """
    rungs = ladder(video["width"], video["height"])
    encodings = [_encoding(rung, video) for rung in rungs]
    encoded = list(zip(rungs, encodings, strict=True))
    conversion = _BT709 if video.get("wideColour") else "NONE"
    return {
        "mp4Groups": [
            _file_group(rung.label, f"s3://{bucket}/{_mp4(video, rung)}", encoding)
            for rung, encoding in encoded
        ],
        "hlsOutputs": [_hls_output(rung.label, encoding) for rung, encoding in encoded],
        "poster": {"width": rungs[-1].width, "height": rungs[-1].height, "colours": conversion},
    }


def _mp4(video: Mapping[str, Any], rung: Rung) -> str:
    return f"{video['prefix']}/{rung.label}/{video['stem']}"


def _hls(video: Mapping[str, Any]) -> str:
    # A separate folder: "x-1080p" may be a rendition of x and also the name of another video.
    return f"{video['prefix']}/hls/{video['stem']}/index"


def _poster(video: Mapping[str, Any]) -> str:
    return f"{video['prefix']}/{POSTER}/{video['stem']}"


def _file_group(name: str, destination: str, encoding: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": name,
        "OutputGroupSettings": {
            "Type": "FILE_GROUP_SETTINGS",
            "FileGroupSettings": {"Destination": destination},
        },
        "Outputs": [{"ContainerSettings": {"Container": "MP4"}, **encoding}],
    }


def _hls_output(label: str, encoding: dict[str, Any]) -> dict[str, Any]:
    return {"NameModifier": f"-{label}", "ContainerSettings": {"Container": "M3U8"}, **encoding}


def _encoding(rung: Rung, video: Mapping[str, Any]) -> dict[str, Any]:
    picture = _video(rung) | _colours(video)
    return {"VideoDescription": picture} | (
        {"AudioDescriptions": [_audio(rung)]} if video["hasAudio"] else {}
    )


def _colours(video: Mapping[str, Any]) -> dict[str, Any]:
    if not video.get("wideColour"):
        return {}
    return {"VideoPreprocessors": {"ColorCorrector": {"ColorSpaceConversion": _BT709}}}


def _video(rung: Rung) -> dict[str, Any]:
    return {
        "Width": rung.width,
        "Height": rung.height,
        "CodecSettings": {
            "Codec": "H_264",
            "H264Settings": {
                "RateControlMode": "QVBR",
                "MaxBitrate": rung.max_bitrate,
                "GopSize": KEYFRAME_INTERVAL_S,
                "GopSizeUnits": "SECONDS",
            },
        },
    }


def _audio(rung: Rung) -> dict[str, Any]:
    return {
        "AudioSourceName": "Audio Selector 1",
        "CodecSettings": {
            "Codec": "AAC",
            "AacSettings": {
                "Bitrate": rung.audio_bitrate,
                "CodingMode": "CODING_MODE_2_0",
                "SampleRate": 48_000,
            },
        },
    }
