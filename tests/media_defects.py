"""
Defects of uploaded files.
"""

import io
import struct
import zlib
from enum import StrEnum
from fractions import Fraction

import av
from PIL import Image

from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_file import MediaFile

BOMB_SIDE = 15_000
"""Side of a picture with 225 million pixels in about 30 kB: more than any camera has [pixels]."""


class Defect(StrEnum):
    """A defect of an uploaded file."""

    TRUNCATED = "truncated"
    EMPTY = "empty"
    FLIPPED_BYTE = "flipped_byte"
    PDF_AS_JPEG = "pdf_as_jpeg"
    BOMB = "bomb"


def damaged(file: MediaFile, defect: Defect) -> MediaFile:
    """Return *file* with a defect; a flipped byte does not change the size, only the checksum."""
    return MediaFile(_content(file.content, defect), file.content_type, file.extension)


def zeroed(content: bytes, count: int) -> bytes:
    """Return *content* with *count* zero bytes in its middle, as a disk or a network may leave them."""
    start = (len(content) - count) // 2
    return content[:start] + bytes(count) + content[start + count :]


def with_pixel_aspect(video: MediaFile, aspect: Fraction) -> MediaFile:
    """Return the pictures of an MP4 with pixels of another width / height."""
    buffer = io.BytesIO()
    with av.open(io.BytesIO(video.content)) as source, av.open(buffer, "w", format="mp4") as target:
        pictures = source.streams.video[0]
        stream = target.add_stream_from_template(pictures)
        stream.sample_aspect_ratio = aspect
        for packet in source.demux(pictures):
            if packet.dts is not None:  # the last packet is empty
                packet.stream = stream
                target.mux(packet)
    return MediaFile(buffer.getvalue(), video.content_type, video.extension)


def many_scans(scans: int, side: int = 512) -> bytes:
    """Return a progressive JPEG of one colour whose last scan is repeated, *scans* in all."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 90).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content[content.rindex(b"\xff\xda") : -2]
    return content[:-2] + last * (scans - content.count(b"\xff\xda")) + content[-2:]


def _content(whole: bytes, defect: Defect) -> bytes:
    match defect:
        case Defect.TRUNCATED:
            return whole[: len(whole) * 3 // 5]
        case Defect.EMPTY:
            return b""
        case Defect.FLIPPED_BYTE:
            middle = len(whole) // 2
            return whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
        case Defect.PDF_AS_JPEG:
            return document(0).content
        case Defect.BOMB:
            return _bomb()


def _bomb() -> bytes:
    """Return a valid PNG with one bit per pixel that needs hundreds of megabytes when decoded."""
    header = struct.pack(">2I5B", BOMB_SIDE, BOMB_SIDE, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((BOMB_SIDE // 8 + 1) * BOMB_SIDE), 9)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
