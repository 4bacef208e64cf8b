"""
Whether a downloaded object is what its key says: it decodes, or opens.

Modelled handlers store placeholders for what only a real transcoder makes. They are accepted if the work of
the stack is modelled.
"""

import io
import zipfile
from pathlib import PurePosixPath

from PIL import Image, UnidentifiedImageError

from harness.stack.modelled.placeholder import FILLER

LARGEST_RATIO = 100
"""An archive that unpacks to more than this multiple of its size is not unpacked."""
_STARTS = {".mp4": (4, b"ftyp"), ".pdf": (0, b"%PDF-"), ".m3u8": (0, b"#EXTM3U")}


def problem_of(key: str, content: bytes, *, modelled: bool) -> str | None:
    """Return what is wrong with the content of an object; None if it is whole."""
    suffix = PurePosixPath(key).suffix.lower()
    if modelled and content == FILLER:
        return None
    if suffix in (".jpg", ".jpeg"):
        return _image(content)
    if suffix == ".zip":
        return _archive(content)
    at, magic = _STARTS.get(suffix, (0, b""))
    return None if content[at : at + len(magic)] == magic else f"does not start with {magic!r}"


def _image(content: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    except (UnidentifiedImageError, OSError) as error:
        return f"does not decode: {error}"
    return None


def _archive(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            if sum(each.file_size for each in opened.infolist()) > LARGEST_RATIO * len(content):
                return "unpacks to far more than its size"
            damaged = opened.testzip()
    except zipfile.BadZipFile as error:
        return f"does not open: {error}"
    return f"holds {damaged}, which is damaged" if damaged else None
