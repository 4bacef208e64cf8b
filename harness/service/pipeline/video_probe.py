"""The probe of untrusted video files. Sizes in pixels as displayed, time in seconds."""

from dataclasses import dataclass

import av

# A fixed container format: a playlist, detected by its content, could make FFmpeg read other files.
CONTAINER = "mov"


class Unplayable(ValueError):
    """The file is not a complete video."""


@dataclass(frozen=True, slots=True)
class VideoProperties:
    """The properties of a video as it is played, rotated and with square pixels; unknown *duration* is 0."""

    width: int
    height: int
    duration: float
    has_audio: bool


def probe(path: str) -> VideoProperties:
    """
    Read a video to its end, decode its first frame, and return its properties.

    Raises:
        Unplayable: The file cannot be opened, has no frame, or is truncated.
    """
    try:
        with av.open(path, format=CONTAINER) as container:
            if not container.streams.video:
                raise Unplayable("it has no video stream")
            properties = _properties(container)
            container.seek(0)
            if any(packet.is_corrupt for packet in container.demux()):
                raise Unplayable("it is truncated")
            return properties
    except (av.error.FFmpegError, StopIteration) as error:
        raise Unplayable(str(error) or "it has no frame") from error


def _properties(container: "av.container.InputContainer") -> VideoProperties:
    stream = container.streams.video[0]
    frame = next(container.decode(stream))
    aspect = stream.sample_aspect_ratio or 1
    width, height = round(frame.width * aspect), frame.height
    if frame.rotation % 180:
        width, height = height, width
    return VideoProperties(
        width=width,
        height=height,
        duration=(container.duration or 0) / av.time_base,
        has_audio=bool(container.streams.audio),
    )
