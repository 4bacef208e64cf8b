"""
Placeholders: what modelled handlers store under the keys that users can download.

Where a scenario uploads real media, its clients check what they download. Then a picture has the announced
size, an archive the announced names, and a video the first bytes of one.
"""

import io
import zipfile
from collections.abc import Iterable
from pathlib import PurePosixPath

from PIL import Image

Content = tuple[bytes, str]
"""Bytes and content type."""

VIDEO = b"\x00\x00\x00\x10ftypisom" + bytes(4)
PDF = b"%PDF-1.4\n%%EOF\n"
FILLER = b"placeholder\n"


def picture(size: tuple[int, int] = (1, 1)) -> Content:
    """Return a grey JPEG of *size* [px]."""
    buffer = io.BytesIO()
    Image.new("L", size, "grey").save(buffer, "JPEG", quality=30)
    return buffer.getvalue(), "image/jpeg"


def archive(names: Iterable[str] = ()) -> Content:
    """Return a ZIP of empty files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name in names:
            opened.writestr(name, b"")
    return buffer.getvalue(), "application/zip"


def file_of(key: str) -> Content:
    """Return content for a derived object that is neither a picture of a known size nor an archive."""
    return _CONTENT.get(PurePosixPath(key).suffix, (FILLER, "application/octet-stream"))


_CONTENT: dict[str, Content] = {
    ".jpg": picture(),
    ".mp4": (VIDEO, "video/mp4"),
    ".pdf": (PDF, "application/pdf"),
}
