"""The probe of untrusted video files. Sizes in pixels as displayed, time in seconds."""

from dataclasses import dataclass
from typing import Any

import av

from harness.service.pipeline.formats import nal_units
from harness.service.pipeline.formats.undecodable import VIDEO_TOO_LARGE, Undecodable

# A fixed container format: a playlist, detected by its content, could make FFmpeg read other files.
CONTAINER = "mov"

MAX_PICTURE_PIXELS = 8192 * 4320
"""The largest picture that MediaConvert reads."""

FIRST_FRAME_PACKETS = 500
"""Packets in which the first picture must be; each is decoded, so the search has an end."""

# Numbers of ITU-T H.273: BT.2020 primaries; PQ (SMPTE ST 2084) and HLG (ARIB STD-B67).
_WIDE_PRIMARIES = 9
_HIGH_DYNAMIC_RANGES = (16, 18)
_UNSPECIFIED = 2


@dataclass(frozen=True, slots=True)
class VideoProperties:
    """
    The properties of a video as it is played, rotated and with square pixels; unknown *duration* is 0.

    *wide_colour*: the colours are those of HDR or BT.2020; players for BT.709 need them converted.
    """

    width: int
    height: int
    duration: float
    has_audio: bool
    wide_colour: bool = False


def probe(path: str) -> VideoProperties:
    """
    Read a video to its end, decode its first frame, and return its properties.

    Raises:
        Undecodable: The file cannot be opened, has no frame, is truncated or damaged, or has too large
            pictures.
    """
    try:
        with av.open(path, format=CONTAINER) as container:
            if not container.streams.video:
                raise Undecodable("it has no video stream")
            properties = _properties(container)
            container.seek(0)
            _check_packets(container)
            return properties
    except av.error.FFmpegError as error:
        # The error's own text has the path of the temporary file.
        raise Undecodable(error.strerror or "it cannot be decoded") from error


def _properties(container: "av.container.InputContainer") -> VideoProperties:
    stream = container.streams.video[0]
    size = stream.codec_context.width * stream.codec_context.height
    if size > MAX_PICTURE_PIXELS:
        raise Undecodable(f"its pictures have more than {MAX_PICTURE_PIXELS} pixels", VIDEO_TOO_LARGE)
    frame = _first_frame(container, stream)
    aspect = stream.sample_aspect_ratio or 1
    width, height = round(frame.width * aspect), frame.height
    if frame.rotation % 180:
        width, height = height, width
    return VideoProperties(
        width=width,
        height=height,
        duration=(container.duration or 0) / av.time_base,
        has_audio=bool(container.streams.audio),
        wide_colour=frame.color_trc in _HIGH_DYNAMIC_RANGES
        or (frame.color_primaries == _WIDE_PRIMARIES and frame.color_trc != _UNSPECIFIED),
    )


def _first_frame(
    container: "av.container.InputContainer", stream: "av.video.stream.VideoStream"
) -> "av.VideoFrame":
    for number, packet in enumerate(container.demux(stream)):
        if frames := packet.decode():
            return frames[0]
        if number >= FIRST_FRAME_PACKETS:
            break
    raise Undecodable("it has no frame")


def _check_packets(container: "av.container.InputContainer") -> None:
    """Raise `Undecodable` if a packet is incomplete, or has zero bytes where no encoder writes them."""
    lengths = {
        stream.index: nal_units.length_size(stream.codec_context.name, stream.codec_context.extradata)
        for stream in container.streams.video
    }
    compressed = {stream.index for stream in container.streams if not _is_raw(stream)}
    for packet in container.demux():
        if packet.is_corrupt:
            raise Undecodable("it is truncated")
        if packet.size and packet.stream.index in compressed:
            data = bytes(packet)
            length = lengths.get(packet.stream.index)
            if nal_units.are_damaged(data, length) if length else not any(data):
                raise Undecodable(f"its data are damaged at {_time(packet)}")


def _is_raw(stream: "av.stream.Stream") -> bool:
    """Return whether zero bytes are valid samples, or the codec is unknown to this FFmpeg."""
    codec = getattr(stream, "codec_context", None)
    return codec is None or stream.type not in ("video", "audio") or codec.name.startswith(("pcm", "raw"))


def _time(packet: "av.Packet[Any]") -> str:
    if packet.pts is None or packet.time_base is None:
        return "an unknown time"
    return f"{float(packet.pts * packet.time_base):.1f} s"
