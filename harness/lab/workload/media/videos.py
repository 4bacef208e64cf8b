"""
Videos, made up from a seed: the same arguments give the same bytes (per version of the codecs).

Sizes in pixels, time in seconds.
"""

import struct
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.scenes import scene

SAMPLES_PER_S = 48_000
TONE_HZ = 440
_AAC_FRAME = 1024
_ONE = 1 << 16
# The upper left of an MP4 display matrix, by degrees clockwise a player must turn the pictures.
_TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
# From the name of the track header box to its matrix, version 0 (ISO/IEC 14496-12, 8.3.2).
_MATRIX_OFFSET = 44


@lru_cache(32)
def video(
    seed: int,
    width: int = 1280,
    height: int = 720,
    *,
    duration: float = 2.0,
    frames_per_s: int = 25,
    audio: bool = True,
    rotation: int = 0,
) -> MediaFile:
    """
    Return an MP4 (H.264 and, with *audio*, AAC) that is *width* × *height* when upright.

    Args:
        rotation: Degrees clockwise a player must turn the stored pictures, as telephones write it:
            0, 90, 180 or 270.

    Raises:
        ValueError: Odd sides or another *rotation*.
    """
    if width % 2 or height % 2 or rotation not in _TURNS:
        raise ValueError(f"no video of {width}×{height} turned by {rotation}")
    stored = np.rot90(scene(seed, width, height), rotation // 90)
    # The index first, as in files meant for the network: cut short, such a file still opens.
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    # A file on disk: to put the index first the muxer opens what it wrote a second time.
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", format="mp4", options=options) as container:
            # Both before the first packet: it fixes the header.
            pictures = _picture_stream(container, stored, frames_per_s)
            sound = container.add_stream("aac", rate=SAMPLES_PER_S, layout="stereo") if audio else None
            _mux_pictures(container, pictures, stored, round(duration * frames_per_s))
            if sound is not None:
                _mux_tone(container, sound, duration)
        return MediaFile(_turned(file.read(), rotation), "video/mp4", ".mp4")


def _picture_stream(container: Any, stored: NDArray[np.uint8], frames_per_s: int) -> Any:
    stream = container.add_stream("libx264", rate=frames_per_s)
    stream.height, stream.width = stored.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.thread_count = 1
    stream.options = {"preset": "ultrafast", "crf": "28", "flags": "+bitexact"}
    return stream


def _mux_pictures(container: Any, stream: Any, still: NDArray[np.uint8], frames: int) -> None:
    for picture in _moving(still, frames):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode(None))


def _mux_tone(container: Any, stream: Any, duration: float) -> None:
    for samples in _tone(duration):
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLES_PER_S
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _moving(still: NDArray[np.uint8], frames: int) -> Iterator[NDArray[np.uint8]]:
    """Return pictures with a white bar that crosses the middle, so that something moves."""
    height, width = still.shape[:2]
    thickness = max(2, width // 40)
    for number in range(frames):
        picture = np.ascontiguousarray(still).copy()
        left = width // 4 + number * thickness % max(1, width // 2)
        picture[height * 2 // 5 : height * 3 // 5, left : left + thickness] = 255
        yield picture


def _tone(duration: float) -> Iterator[NDArray[np.float32]]:
    samples = np.arange(round(duration * SAMPLES_PER_S))
    wave = (0.2 * np.sin(2 * np.pi * TONE_HZ * samples / SAMPLES_PER_S)).astype(np.float32)
    for start in range(0, len(wave), _AAC_FRAME):
        mono = wave[start : start + _AAC_FRAME]
        yield np.stack([mono, mono])


def _turned(content: bytes, rotation: int) -> bytes:
    """Return an MP4 whose first track says how it must be turned; PyAV cannot write that."""
    a, b, c, d = (_ONE * entry for entry in _TURNS[rotation])
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    at = content.index(b"tkhd") + _MATRIX_OFFSET
    return content[:at] + matrix + content[at + len(matrix) :]
