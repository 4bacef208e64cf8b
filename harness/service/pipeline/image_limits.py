"""
The limits of images, decided from their headers before anything is decoded.

Pixels and memory in pixels and bytes. The memory is that of the Lambda function
(``AWS_LAMBDA_FUNCTION_MEMORY_SIZE``), so a function with more memory accepts larger images.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from PIL import Image

from harness.service.pipeline.formats import jpeg_scans
from harness.service.pipeline.formats.undecodable import IMAGE_TOO_COMPLEX, IMAGE_TOO_LARGE, Undecodable

MAX_PIXELS = 120_000_000
"""More than the 108 MP of a phone camera; a decompression bomb has many more."""

MAX_SCANS = 100
"""Encoders write about ten scans in a progressive JPEG; the decoder reads every block again for each scan."""

MAX_SCANNED_PIXELS = 2_500_000_000
"""Pixels times scans: about ten seconds of decoding."""

RESERVED_MB = 256
"""Memory for Python, its libraries and the derived images."""

DEFAULT_MEMORY_MB = 1024
_MB = 1024 * 1024
# The most that the decoder had at once, measured for each pixel, and the image of Pillow itself.
_HEIF_BYTES, _HEIF_DEEP_BYTES, _WEBP_BYTES = 10, 18, 9
_REDUCED_JPEG_BYTES = 64 * _MB
_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}


@dataclass(slots=True)
class DecodingMemory:
    """The memory [bytes] in which images are decoded; an image waits while others need it."""

    total: int
    used: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @classmethod
    def of_function(cls) -> "DecodingMemory":
        """Return the memory of this Lambda function, without what is reserved."""
        memory_mb = int(os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or DEFAULT_MEMORY_MB)
        return cls(max(0, memory_mb - RESERVED_MB) * _MB)

    @contextmanager
    def reserved(self, needed: int) -> Iterator[None]:
        """Reserve *needed* bytes; raise `Undecodable` if there will never be as many."""
        if needed > self.total:
            available = f"this function has {self.total // _MB} MB for it"
            raise Undecodable(f"its decoding needs {needed // _MB} MB, {available}", IMAGE_TOO_LARGE)
        with self._changed:
            self._changed.wait_for(lambda: self.used + needed <= self.total)
            self.used += needed
        try:
            yield
        finally:
            with self._changed:
                self.used -= needed
                self._changed.notify_all()


def memory_needed(image: Image.Image, file: IO[bytes]) -> int:
    """
    Return the memory that the decoding of an opened image needs [bytes].

    Raises:
        Undecodable: The image has too many pixels or scans, or a damaged scan.
    """
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        message = f"{image.width}×{image.height} is more than {MAX_PIXELS} pixels"
        raise Undecodable(message, IMAGE_TOO_LARGE)
    if image.format in ("JPEG", "MPO"):
        return _memory_of_jpeg(pixels, file)
    if image.format in ("HEIF", "AVIF"):
        return pixels * (_HEIF_BYTES if image.info.get("bit_depth", 8) == 8 else _HEIF_DEEP_BYTES)
    return pixels * (_WEBP_BYTES if image.format == "WEBP" else _BYTES.get(image.mode, 4))


def _memory_of_jpeg(pixels: int, file: IO[bytes]) -> int:
    at = file.tell()
    scans = jpeg_scans.read(file, MAX_SCANS)
    file.seek(at)
    if scans.scans > MAX_SCANS or scans.scans * pixels > MAX_SCANNED_PIXELS or scans.too_many_segments:
        limit = min(MAX_SCANS, MAX_SCANNED_PIXELS // pixels)
        raise Undecodable(f"it has more than {limit} scans", IMAGE_TOO_COMPLEX)
    if scans.damaged:
        raise Undecodable("its coded data are damaged: a stretch of zero bytes")
    return scans.coefficients + _REDUCED_JPEG_BYTES
