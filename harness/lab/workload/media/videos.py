"""Videos from a seed: equal bytes with equal versions of the codecs. Sizes in pixels, times in seconds."""

import struct
import tempfile
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
# The upper left part of an MP4 display matrix, by the rotation of the player [degrees clockwise].
_TURNS = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
# Offset of the matrix in a track header box, version 0 (ISO/IEC 14496-12, 8.3.2).
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
        rotation: Rotation of the stored pictures by the player, as phones record it: 0, 90, 180 or 270
            [degrees clockwise].

    Raises:
        ValueError: A side is odd, or *rotation* has another value.
    """
    if width % 2 or height % 2 or rotation not in _TURNS:
        raise ValueError(f"there is no video of {width}×{height} with rotation {rotation}")
    stored = np.rot90(scene(seed, width, height), rotation // 90)
    # The index comes first, as in files for the network: a truncated file can still be opened.
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    # A file on disk: the muxer opens its output a second time to put the index first.
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        with av.open(file.name, "w", format="mp4", options=options) as container:
            # Both streams are added before the first packet, which fixes the header.
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
    """Encode pictures with a white bar that moves across the middle."""
    height, width = still.shape[:2]
    thickness = max(2, width // 40)
    for number in range(frames):
        picture = np.ascontiguousarray(still).copy()
        left = width // 4 + number * thickness % max(1, width // 2)
        picture[height * 2 // 5 : height * 3 // 5, left : left + thickness] = 255
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
    container.mux(stream.encode(None))


def _mux_tone(container: Any, stream: Any, duration: float) -> None:
    samples = np.arange(round(duration * SAMPLES_PER_S))
    wave = (0.2 * np.sin(2 * np.pi * TONE_HZ * samples / SAMPLES_PER_S)).astype(np.float32)
    for start in range(0, len(wave), _AAC_FRAME):
        both = np.stack([wave[start : start + _AAC_FRAME]] * 2)
        frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
        frame.sample_rate = SAMPLES_PER_S
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _turned(content: bytes, rotation: int) -> bytes:
    """Return an MP4 with the rotation of its first track; PyAV cannot write it."""
    a, b, c, d = (_ONE * entry for entry in _TURNS[rotation])
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    at = content.index(b"tkhd") + _MATRIX_OFFSET
    return content[:at] + matrix + content[at + len(matrix) :]
