"""
PDF documents: whether a file is complete, and whether it opens without a password.

pypdf reads the structure of the document, not its pages, and tries the empty password. A document with
restrictions but without a password to open it is accepted.

Source:
    ISO 32000-2, 7.5.5 and 7.6.4.
"""

import logging
import struct
import zlib
from io import RawIOBase
from typing import IO, TYPE_CHECKING, cast

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from harness.service.pipeline.formats.undecodable import PDF_ENCRYPTED, Undecodable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MARGIN_BYTES = 1024
"""Readers of PDF search the header and trailer in the first and last bytes."""

MAX_READ_BYTES = 64 * 1024 * 1024
"""Most that is read of one document: its tables; the whole of it, in memory, if they are damaged."""

MAX_READS = 3_000_000
"""Most calls to read a document: about ten seconds. They suffice for a table of 100,000 objects."""

# It warns of every damage that it can repair.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)

_ERRORS = (
    *(PyPdfError, OSError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError),
    *(ValueError, AssertionError, struct.error, zlib.error),
)
"""What pypdf raises for damaged documents."""


def check(file: IO[bytes]) -> None:
    """
    Check a document.

    Raises:
        Undecodable: The header or the trailer is missing, the structure is damaged or takes too long to read,
            or the document opens only with a password.
    """
    file.seek(0)
    if b"%PDF-" not in file.read(MARGIN_BYTES):
        raise Undecodable("it has no PDF header")
    end = file.seek(0, 2)
    file.seek(max(0, end - MARGIN_BYTES))
    trailer = file.read()
    # Searched here, because pypdf searches the whole file.
    if b"startxref" not in trailer or b"%%EOF" not in trailer:
        raise Undecodable("it has no PDF trailer, so it is truncated")
    if not _opens(file):
        raise Undecodable("it opens only with a password", PDF_ENCRYPTED)


def _opens(file: IO[bytes]) -> bool:
    """Return whether the empty password opens a document, or it needs none."""
    try:
        reader = PdfReader(cast("IO[bytes]", _BoundedFile(file)))
        return not reader.is_encrypted or bool(reader.decrypt(""))
    except NotImplementedError:
        # Encrypted by another method than passwords, e.g. for certificates.
        return False
    except _ERRORS as error:
        raise Undecodable(f"its structure is damaged: {str(error) or type(error).__name__}") from error


class _BoundedFile(RawIOBase):
    """
    A file of which only so much can be read: a hostile document would be read for minutes.

    Its reads raise `OSError` beyond `MAX_READS` and `MAX_READ_BYTES`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._reads_left, self._bytes_left = MAX_READS, MAX_READ_BYTES

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        content = self._file.read(len(view))
        self._reads_left -= 1
        self._bytes_left -= len(content)
        if self._reads_left < 0 or self._bytes_left < 0:
            raise OSError("it takes too long to read")
        view[: len(content)] = content
        return len(content)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)
