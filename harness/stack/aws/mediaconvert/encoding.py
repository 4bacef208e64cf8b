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

# Pixels that two roundings to even sides may differ by, one of them scaled by the shape of the picture.
_ROUNDING = 4
# HDR white (203 cd/m²) becomes SDR white, brighter parts are compressed. HDR of cameras is in BT.2020.
_TO_BT709 = (
    "zscale=pin=2020:min=2020_ncl:t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:param=0.7:desat=0,"
    "zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
)


@dataclass(frozen=True, slots=True)
class Encoding:
    """
    The encoding of one output; outputs with equal encodings share one file.

    Attributes:
        width, height: Box that the picture is fitted into; 0 for the size of the input.
        keyframe_interval: [s]
        audio_bitrate: None: no sound, even if the input has sound.
        to_bt709: Convert the colours, of HDR too, to those of BT.709 (MediaConvert's ``FORCE_709``).
    """

    width: int
    height: int
    max_bitrate: int
    keyframe_interval: float
    audio_bitrate: int | None
    to_bt709: bool = False

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
            to_bt709=_colour_conversion(video) == "FORCE_709",
        )

    def arguments(self, target: Path) -> list[str]:
        """Return the arguments with which ffmpeg writes *target*, an MP4."""
        return [
            *("-map", "0:v:0", "-vf", fitted(self.width, self.height, to_bt709=self.to_bt709)),
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
        to_bt709: As for `Encoding`.
    """

    width: int
    height: int
    quality: int
    to_bt709: bool = False

    @classmethod
    def of(cls, output: Mapping[str, Any]) -> Self:
        """Read an output of MediaConvert's ``Settings``; raise ValueError for more than one frame."""
        video = output["VideoDescription"]
        capture = video["CodecSettings"].get("FrameCaptureSettings", {})
        if capture.get("MaxCaptures") != 1:
            raise ValueError("frame captures with another MaxCaptures than 1 are not supported")
        return cls(
            width=int(video.get("Width", 0)),
            height=int(video.get("Height", 0)),
            quality=int(capture.get("Quality", 80)),
            to_bt709=_colour_conversion(video) == "FORCE_709",
        )

    def arguments(self, target: Path) -> list[str]:
        """Return the arguments with which ffmpeg writes *target*, a JPEG."""
        # ffmpeg's scale is 2 (best) to 31.
        scale = round(31 - 29 * self.quality / 100)
        picture = fitted(self.width, self.height, to_bt709=self.to_bt709)
        return [
            *("-map", "0:v:0", "-vf", picture, "-frames:v", "1", "-q:v", str(scale)),
            *("-map_metadata", "-1", "-f", "image2", "-update", "1", str(target)),
        ]


def is_frame_capture(output: Mapping[str, Any]) -> bool:
    """Return whether an output of MediaConvert's ``Settings`` is a frame capture."""
    codec = output["VideoDescription"].get("CodecSettings", {}).get("Codec")
    return bool(codec == "FRAME_CAPTURE")


def fitted(width: int, height: int, *, to_bt709: bool) -> str:
    """Return ffmpeg's filter that fits a picture into a box, and converts its colours to BT.709 if asked."""
    box_width, box_height = str(width or "iw"), str(height or "ih")
    factor = f"min(1,min({box_width}/iw,{box_height}/ih))"
    sides = _side("iw", box_width, factor), _side("ih", box_height, factor)
    # Square pixels first, so that width and height are those of the visible picture.
    sizes = f"scale='trunc(iw*sar/2)*2':ih,setsar=1,scale='{sides[0]}':'{sides[1]}',setsar=1"
    return f"{sizes},{_TO_BT709 if to_bt709 else 'format=yuv420p'}"


def _side(side: str, box: str, factor: str) -> str:
    """
    Return ffmpeg's expression for an even side of a picture that fits into a box and is not enlarged.

    MediaConvert makes exactly the size of the settings. A box of the same shape differs from the scaled
    picture by rounding only, so then it is the size of the box.
    """
    even = f"2*trunc({side}/2)"
    return (
        f"max(2,min({even},if(lte(abs({side}*{factor}-{box}),{_ROUNDING}),{box},2*trunc({side}*{factor}/2))))"
    )


def _colour_conversion(video: Mapping[str, Any]) -> str | None:
    corrector = video.get("VideoPreprocessors", {}).get("ColorCorrector", {})
    conversion = str(corrector.get("ColorSpaceConversion", "NONE"))
    return None if conversion == "NONE" else conversion


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
