"""
Whether what came back is what it should be: thumbnails that decode, archives that open.

Every check takes the content and answers in words what is wrong with it, or None.
"""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import gevent
from PIL import Image, UnidentifiedImageError

Check = Callable[[bytes], str | None]


def image(resolution: str) -> Check:
    """Return a check for an image of *resolution* (``640x480``) that carries no EXIF."""
    return partial(_in_thread, _image, resolution)


def archive(files: int) -> Check:
    """Return a check for a ZIP of so many files with different names, all of them whole."""
    return partial(_in_thread, _archive, files)


def starts_with(magic: bytes, at: int = 0) -> Check:
    """Return a check for a file type by its first bytes."""
    return lambda content: (
        None if content[at : at + len(magic)] == magic else f"does not start with {magic!r}"
    )


def _in_thread(look: Any, *arguments: Any) -> str | None:
    # Decoding would hold up every other arrival.
    found: str | None = gevent.get_hub().threadpool.apply(look, arguments)
    return found


def _image(resolution: str, content: bytes) -> str | None:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            size = f"{picture.width}x{picture.height}"
            has_exif = bool(picture.getexif())
    except (UnidentifiedImageError, OSError) as error:
        return f"does not decode: {error}"
    if size != resolution:
        return f"is {size}, announced as {resolution}"
    return "carries EXIF" if has_exif else None


def _archive(files: int, content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            names = opened.namelist()
            damaged = opened.testzip()
    except zipfile.BadZipFile as error:
        return f"does not open: {error}"
    if damaged:
        return f"holds {damaged}, which is damaged"
    if len(set(names)) != files:
        return f"holds {len(set(names))} different names for {files} files"
    return None
