"""
Checks of downloaded content: thumbnails must decode, archives must open.

Every check takes the content and returns what is wrong with it, or None.
"""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from PIL import Image, UnidentifiedImageError

LARGEST_RATIO = 100
"""An archive that unpacks to more than this multiple of its size is not unpacked."""

ContentCheck = Callable[[bytes], str | None]


def image(resolution: str | None) -> ContentCheck:
    """Return a check for an image without EXIF data, of *resolution* (``640x480``) if that is known."""
    return partial(_in_thread, _check_image, resolution)


def archive(files: int) -> ContentCheck:
    """Return a check for a ZIP of so many undamaged files with different names."""
    return partial(_in_thread, _check_archive, files)


def starts_with(magic: bytes, at: int = 0) -> ContentCheck:
    """Return a check for a file type by its first bytes."""
    return lambda content: (
        None if content[at : at + len(magic)] == magic else f"does not start with {magic!r}"
    )


def _in_thread(check: Any, *arguments: Any) -> str | None:
    # Decoding would block the event loop, and with it every other arrival.
    found: str | None = gevent.get_hub().threadpool.apply(_checked, (check, *arguments))
    return found


def _checked(check: Any, *arguments: Any) -> str | None:
    try:
        found: str | None = check(*arguments)
    except Exception as error:  # noqa: BLE001 - decoders raise anything for content that is not what it claims
        return f"cannot be read: {type(error).__name__}: {error}"
    return found


def _check_image(resolution: str | None, content: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            size = f"{picture.width}x{picture.height}"
            has_exif = bool(picture.getexif())
    except (UnidentifiedImageError, OSError) as error:
        return f"does not decode: {error}"
    if resolution is not None and size != resolution:
        return f"is {size}, announced as {resolution}"
    return "carries EXIF" if has_exif else None


def _check_archive(files: int, content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            names = opened.namelist()
            unpacked = sum(each.file_size for each in opened.infolist())
            if unpacked > LARGEST_RATIO * len(content):
                return f"holds {unpacked} bytes in {len(content)}"
            damaged = opened.testzip()
    except zipfile.BadZipFile as error:
        return f"does not open: {error}"
    if damaged:
        return f"holds {damaged}, which is damaged"
    if len(set(names)) != files:
        return f"holds {len(set(names))} different names for {files} files"
    return None
