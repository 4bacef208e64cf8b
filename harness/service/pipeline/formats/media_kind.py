"""The format of a file, from its first bytes, compared with its declared content type."""

import struct
from typing import IO

from harness.service.pipeline.formats.undecodable import CONTENT_TYPE_MISMATCH, Undecodable

HEAD_BYTES = 1024
"""Readers of PDF accept a header within this many bytes."""

_SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"BM": "image/bmp",
    b"\x1aE\xdf\xa3": "video/x-matroska",
}
_RIFF_FORMS = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
# QuickTime files of old cameras have no file type box.
_QUICKTIME_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip")
_SAME = {
    "image/heif": "image/heic",
    "image/heic-sequence": "image/heic",
    "image/heif-sequence": "image/heic",
    "image/jpg": "image/jpeg",
    # One container: players and encoders read both alike.
    "video/quicktime": "video/mp4",
}


def kind_of(head: bytes) -> str | None:
    """Return the content type of a file with these first bytes; None for an unknown format."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF"):
        return _RIFF_FORMS.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _kind_of_brands(head)
    if head[4:8] in _QUICKTIME_BOXES:
        return "video/mp4"
    return "application/pdf" if b"%PDF-" in head else None


def must_be(content_type: str, file: IO[bytes]) -> None:
    """
    Compare the content of a file with its declared content type, and rewind the file.

    Raises:
        Undecodable: The format is known, and it is another one. An unknown format is left to the decoder.
    """
    found = kind_of(file.read(HEAD_BYTES))
    file.seek(0)
    declared = content_type.strip().lower()
    if found not in (None, _SAME.get(declared, declared)):
        raise Undecodable(f"it is {found}, declared as {declared}", CONTENT_TYPE_MISMATCH)


def _kind_of_brands(head: bytes) -> str:
    (size,) = struct.unpack_from(">I", head)
    brands = {head[at : at + 4] for at in (8, *range(16, min(size, len(head)), 4))}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    return "image/heic" if brands & _HEIC_BRANDS else "video/mp4"
