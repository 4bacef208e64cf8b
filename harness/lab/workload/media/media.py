"""
The files of a workload, made up from a seed, and what can be wrong with them. Sizes in bytes.
"""

import struct
import zlib
from enum import StrEnum

from harness.lab.workload.media.documents import document
from harness.lab.workload.media.media_file import MediaFile
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.lab.workload.upload_batch import UploadFile

BOMB_SIDE = 15_000
"""225 million pixels in some 30 kB: more than any camera has [pixels]."""


class Defect(StrEnum):
    """What can be wrong with an uploaded file."""

    TRUNCATED = "truncated"
    EMPTY = "empty"
    FLIPPED_BYTE = "flipped_byte"
    PDF_AS_JPEG = "pdf_as_jpeg"
    BOMB = "bomb"


def content(file: UploadFile, seed: int = 0) -> MediaFile:
    """
    Return the content a planned file gets in a run with real media.

    Pictures and videos have the planned size in pixels and length; their size in bytes follows from
    what the encoders make of it. A corrupt file is cut short.
    """
    made = _made(file, seed)
    return spoilt(made, Defect.TRUNCATED) if file.corrupt else made


def _made(file: UploadFile, seed: int) -> MediaFile:
    if file.is_video:
        even = file.width // 2 * 2, file.height // 2 * 2
        return video(seed, *even, duration=round(file.seconds, 1))
    if file.is_image:
        kind = file.content_type.removeprefix("image/")
        return photograph(seed, file.width, file.height, orientation=file.exif_orientation, kind=kind)
    return document(seed, file.bytes)


def spoilt(file: MediaFile, defect: Defect) -> MediaFile:
    """Return *file* with a defect; a flipped byte keeps its size, so that only the checksum tells."""
    return MediaFile(_spoilt_content(file, defect), file.content_type, file.extension)


def _spoilt_content(file: MediaFile, defect: Defect) -> bytes:
    whole = file.content
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
    """Return a valid PNG of one bit a pixel that fills hundreds of megabytes when decoded."""
    header = struct.pack(">2I5B", BOMB_SIDE, BOMB_SIDE, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((BOMB_SIDE // 8 + 1) * BOMB_SIDE), 9)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
