"""
Videos of one grey with ten bits, as phones record HDR.
"""

import io

import av
import numpy as np

from harness.lab.workload.media.media_file import MediaFile

WHITE = 721
"""The level of HDR white (203 cd/m²) in HLG: 75 % of the signal, with ten bits."""


def deep_video(transfer: int, primaries: int, *, level: int = WHITE) -> MediaFile:
    """Return an H.264 video with ten bits; the numbers of its colours are those of ITU-T H.273."""
    buffer = io.BytesIO()
    luma = np.full((64, 96), level, np.uint16)
    chroma = np.full((32, 96), 512, np.uint16)
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p10le"
        stream.codec_context.color_trc = transfer
        stream.codec_context.color_primaries = primaries
        stream.codec_context.colorspace = primaries
        frame = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p10le")
        for _ in range(3):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return MediaFile(buffer.getvalue(), "video/mp4", ".mp4")
