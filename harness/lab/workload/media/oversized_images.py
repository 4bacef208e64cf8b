"""
Pictures with more pixels than a pipeline takes, in few bytes: decompression bombs. Sizes in pixels.

They are small pictures whose headers announce the sides of large ones, which is what a decoder believes.
"""

import io
import struct
import zlib

from PIL import Image

from harness.lab.workload.media.media_file import MediaFile

SIDE = 20_000
"""400 million pixels, 1.6 GB decoded."""


def oversized(content_type: str) -> MediaFile:
    """Return a picture of `SIDE` × `SIDE`: ``image/jpeg``, ``image/png`` or ``image/heic``."""
    match content_type:
        case "image/png":
            return MediaFile(_png(), content_type, ".png")
        case "image/heic":
            return MediaFile(_heic(), content_type, ".heic")
        case "image/jpeg":
            return MediaFile(_jpeg(), content_type, ".jpg")
    raise ValueError(f"there is no oversized {content_type}")


def _png() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", SIDE, SIDE, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((SIDE // 8 + 1) * SIDE), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _jpeg() -> bytes:
    small = _small("JPEG")
    frame = small.index(b"\xff\xc0")  # start of frame: length, precision, height, width
    return small[: frame + 5] + struct.pack(">HH", SIDE, SIDE) + small[frame + 9 :]


def _heic() -> bytes:
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), "grey")).save(buffer, quality=50)
    small = buffer.getvalue()
    # Each spatial extent: version and flags, width, height.
    return small.replace(
        b"ispe\0\0\0\0" + struct.pack(">II", 64, 64), b"ispe\0\0\0\0" + struct.pack(">II", SIDE, SIDE)
    )


def _small(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (64, 64), "grey").save(buffer, kind)
    return buffer.getvalue()
