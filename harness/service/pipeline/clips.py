"""
Look into video files without trusting them. Sizes in pixels as shown, time in seconds.
"""

from dataclasses import dataclass

import av

# Name the container: a demuxer chosen by content could be a playlist that makes us read other files.
CONTAINER = "mov"


class Unplayable(ValueError):
    """The file is no whole video."""


@dataclass(frozen=True, slots=True)
class Clip:
    """
    What a video looks like when played.

    Attributes:
        width: As shown: rotated and with square pixels.
        height: Likewise.
        duration: [s]; 0 if the file does not say.
    """

    width: int
    height: int
    duration: float
    has_audio: bool


def probe(path: str) -> Clip:
    """
    Read a video to its end, decode its first picture, and say what it is.

    Raises:
        Unplayable: It does not open, has no picture, or is cut short.
    """
    try:
        with av.open(path, format=CONTAINER) as container:
            if not container.streams.video:
                raise Unplayable("it has no video stream")
            clip = _describe(container)
            _read_to_the_end(container)
            return clip
    except (av.error.FFmpegError, StopIteration) as error:
        raise Unplayable(str(error) or "it has no picture") from error


def _describe(container: "av.container.InputContainer") -> Clip:
    stream = container.streams.video[0]
    frame = next(container.decode(stream))
    aspect = stream.sample_aspect_ratio or 1
    width, height = round(frame.width * aspect), frame.height
    if frame.rotation % 180:
        width, height = height, width
    return Clip(
        width=width,
        height=height,
        duration=(container.duration or 0) / av.time_base,
        has_audio=bool(container.streams.audio),
    )


def _read_to_the_end(container: "av.container.InputContainer") -> None:
    container.seek(0)
    for packet in container.demux():
        if packet.is_corrupt:
            raise Unplayable("it is cut short")
