"""
The encoding of one output of a transcoding job: read from MediaConvert's settings, written as ffmpeg
arguments.

Sizes in pixels, time in seconds, rates in bits per second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

KEYFRAME_INTERVAL_S = 2.0
MAX_BITRATE = 5_000_000
AUDIO_BITRATE = 96_000


@dataclass(frozen=True, slots=True)
class Encoding:
    """
    The encoding of one output; outputs with equal encodings share one file.

    Attributes:
        width, height: Box that the picture is fitted into; 0 for the size of the input.
        keyframe_interval: [s]
        audio_bitrate: None: no sound, even if the input has sound.
    """

    width: int
    height: int
    max_bitrate: int
    keyframe_interval: float
    audio_bitrate: int | None

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> Self:
        """Read an output of MediaConvert's ``Settings``; raise ValueError if it is not H.264 and AAC."""
        video = output["VideoDescription"]
        codec = video.get("CodecSettings", {})
        if codec.get("Codec", "H_264") != "H_264":
            raise ValueError(f"the video codec {codec['Codec']} is not supported")
        h264 = codec.get("H264Settings", {})
        sound = output.get("AudioDescriptions") or []
        return cls(
            width=int(video.get("Width", 0)),
            height=int(video.get("Height", 0)),
            max_bitrate=int(h264.get("MaxBitrate") or h264.get("Bitrate") or MAX_BITRATE),
            keyframe_interval=_keyframe_interval(h264),
            audio_bitrate=_audio_bitrate(sound[0]) if sound else None,
        )

    def arguments(self, target: Path) -> list[str]:
        """Return the arguments with which ffmpeg writes *target*, an MP4."""
        return [
            *("-map", "0:v:0", "-vf", fitted(self.width, self.height)),
            *("-c:v", "libx264", "-threads:v", "1", "-preset", "superfast", "-crf", "23"),
            *("-maxrate", str(self.max_bitrate), "-bufsize", str(2 * self.max_bitrate)),
            # All renditions have key frames at the same times, so that a player can switch between them.
            *("-force_key_frames", f"expr:gte(t,n_forced*{self.keyframe_interval})", "-sc_threshold", "0"),
            *self._sound(),
            *("-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart"),
            *("-f", "mp4", str(target)),
        ]

    def _sound(self) -> list[str]:
        if self.audio_bitrate is None:
            return ["-an"]
        return ["-map", "0:a:0?", "-c:a", "aac", "-b:a", str(self.audio_bitrate), "-ac", "2", "-ar", "48000"]


@dataclass(frozen=True, slots=True)
class FrameCapture:
    """
    The first frame of the input as a JPEG.

    Attributes:
        width, height: Box that the picture is fitted into; 0 for the size of the input.
        quality: 1 (smallest file) to 100.
    """

    width: int
    height: int
    quality: int

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> Self:
        """Read an output of MediaConvert's ``Settings``; raise ValueError for more than one frame."""
        video = output["VideoDescription"]
        capture = video["CodecSettings"].get("FrameCaptureSettings", {})
        if capture.get("MaxCaptures") != 1:
            raise ValueError("frame captures with another MaxCaptures than 1 are not supported")
        return cls(int(video.get("Width", 0)), int(video.get("Height", 0)), int(capture.get("Quality", 80)))

    def arguments(self, target: Path) -> list[str]:
        """Return the arguments with which ffmpeg writes *target*, a JPEG."""
        # ffmpeg's scale is 2 (best) to 31.
        scale = round(31 - 29 * self.quality / 100)
        return [
            *("-map", "0:v:0", "-vf", fitted(self.width, self.height), "-frames:v", "1", "-q:v", str(scale)),
            *("-map_metadata", "-1", "-f", "image2", "-update", "1", str(target)),
        ]


def is_frame_capture(output: Mapping[str, Any]) -> bool:
    """Return whether an output of MediaConvert's ``Settings`` is a frame capture."""
    codec = output["VideoDescription"].get("CodecSettings", {}).get("Codec")
    return bool(codec == "FRAME_CAPTURE")


def fitted(width: int, height: int) -> str:
    """Return ffmpeg's filter that fits a picture into a box; 0 is the size of the input."""
    box_width = f"min(iw,{width})" if width else "iw"
    box_height = f"min(ih,{height})" if height else "ih"
    inside = "force_original_aspect_ratio=decrease:force_divisible_by=2"
    # Square pixels first, so that width and height are those of the visible picture.
    return (
        "scale='trunc(iw*sar/2)*2':ih,setsar=1,"
        f"scale='{box_width}':'{box_height}':{inside},setsar=1,format=yuv420p"
    )


def _keyframe_interval(h264: Mapping[str, Any]) -> float:
    # A length in frames is unknown in seconds before the input is open; MediaConvert's AUTO is about 2 s.
    if h264.get("GopSizeUnits") == "SECONDS":
        return float(h264.get("GopSize") or KEYFRAME_INTERVAL_S)
    return KEYFRAME_INTERVAL_S


def _audio_bitrate(description: Mapping[str, Any]) -> int:
    codec = description.get("CodecSettings", {})
    if codec.get("Codec", "AAC") != "AAC":
        raise ValueError(f"the audio codec {codec['Codec']} is not supported")
    return int(codec.get("AacSettings", {}).get("Bitrate") or AUDIO_BITRATE)
