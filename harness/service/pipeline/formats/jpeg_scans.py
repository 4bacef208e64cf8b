"""
The scans of a JPEG, read without decoding: their number, their memory, and stretches of zero bytes.

The decoder of Pillow reports neither a warning nor an error for damaged coded data.

Source:
    ITU-T T.81, annexes B and F to H.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

ZERO_RUN = b"\0" * 512
SEGMENTS_MAX = 10_000
"""Camera files have some tens of segments; each scan may need a few tables."""

_CHUNK_BYTES = 1024 * 1024
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_NOT_ZERO = re.compile(rb"[^\x00]")
_END_OF_IMAGE, _START_OF_SCAN, _HUFFMAN_TABLES = 0xD9, 0xDA, 0xC4
_FRAMES = {0xC0 + number for number in range(16)} - {_HUFFMAN_TABLES, 0xC8, 0xCC}
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_END_OF_BLOCK = 0x00
_ZERO_RUN_LENGTH = 0xF0


@dataclass(slots=True)
class JpegScans:
    """
    What the markers of a JPEG say.

    Attributes:
        coefficients: Memory for the coefficients [bytes]; 0 if a single scan has the whole image.
        damaged: A scan contains zero bytes that no encoder writes.
        too_many_segments: Reading stopped at `SEGMENTS_MAX`.
    """

    width: int = 0
    height: int = 0
    scans: int = 0
    coefficients: int = 0
    damaged: bool = False
    too_many_segments: bool = False


@dataclass(slots=True)
class _CodingTables:
    """The frame type, and the symbol that zero bits mean in each Huffman table (class, number)."""

    frame: int = 0
    symbols: dict[tuple[int, int], int] = field(default_factory=dict)


def read(file: IO[bytes], scans_max: int) -> JpegScans:
    """
    Read the markers of a JPEG up to its end, or to the scan after *scans_max*, and rewind the file.

    A file that is no JPEG has no scans. What is missing or invalid is left to the decoder.
    """
    found, tables = JpegScans(), _CodingTables()
    file.seek(0)
    if file.read(2) == b"\xff\xd8":
        # The file may end within a segment: the decoder reports it.
        with suppress(struct.error, IndexError):
            _read_segments(file, found, tables, scans_max)
    file.seek(0)
    return found


def _read_segments(file: IO[bytes], found: JpegScans, tables: _CodingTables, scans_max: int) -> None:
    components: dict[int, int] = {}
    for _ in range(SEGMENTS_MAX):
        marker, segment = _segment(file)
        if marker == _END_OF_IMAGE:
            return
        if marker in _FRAMES:
            tables.frame = marker
            _, found.height, found.width, count = struct.unpack_from(">BHHB", segment)
            components = {segment[6 + 3 * n]: segment[7 + 3 * n] for n in range(count)}
        elif marker == _HUFFMAN_TABLES:
            tables.symbols.update(_zero_symbols(segment))
        elif marker == _START_OF_SCAN:
            found.scans += 1
            if found.scans > 1 or segment[0] < len(components) or tables.frame == _PROGRESSIVE:
                found.coefficients = _coefficients(found, components)
            if found.scans > scans_max:
                return
            zeros = _skip_coded_data(file)
            found.damaged |= zeros and not _may_be_zeros(segment, tables)
    found.too_many_segments = True


def _segment(file: IO[bytes]) -> tuple[int, bytes]:
    """Return the next marker and the content of its segment."""
    first = file.read(1)
    while first not in (b"\xff", b""):
        first = file.read(1)  # The decoder also skips what is between two segments.
    marker = file.read(1)
    while marker == b"\xff":
        marker = file.read(1)
    number = marker[0]
    if number in (_END_OF_IMAGE, 0x01) or 0xD0 <= number <= 0xD8:
        return number, b""
    (length,) = struct.unpack(">H", file.read(2))
    return number, file.read(length - 2) if length > 2 else b""


def _zero_symbols(segment: bytes) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield the first symbol of each table: its code is all zeros."""
    at = 0
    while at < len(segment):
        yield (segment[at] >> 4, segment[at] & 15), segment[at + 17]
        at += 17 + sum(segment[at + 1 : at + 17])


def _coefficients(found: JpegScans, components: dict[int, int]) -> int:
    """Return the memory of all coefficients [bytes]: two bytes for each, in blocks of whole MCUs."""
    sampling = [(factors >> 4, factors & 15) for factors in components.values()]
    widest = max((h for h, _ in sampling), default=1) or 1
    highest = max((v for _, v in sampling), default=1) or 1
    area = sum(h * v for h, v in sampling)
    return 2 * found.width * found.height * area // (widest * highest)


def _skip_coded_data(file: IO[bytes]) -> bool:
    """Move to the marker that ends the scan; return whether zero bytes fill a stretch inside the scan."""
    zeros = False
    while chunk := file.read(_CHUNK_BYTES):
        marker = _MARKER.search(chunk)
        end = marker.start() if marker else len(chunk)
        zeros = zeros or _has_zero_run(chunk[:end], at_end=marker is not None)
        if marker:
            file.seek(end - len(chunk), 1)
            break
        if len(chunk) > len(ZERO_RUN):
            file.seek(-len(ZERO_RUN), 1)  # A run or a marker may lie across two chunks.
        elif chunk[-1:] == b"\xff":
            break
    return zeros


def _has_zero_run(data: bytes, *, at_end: bool) -> bool:
    """Return whether there is a long run of zeros; *at_end*, padding at the end of a scan is allowed."""
    run = data.find(ZERO_RUN)
    return run >= 0 and not (at_end and not _NOT_ZERO.search(data, run))


def _may_be_zeros(scan: bytes, tables: _CodingTables) -> bool:
    """Return whether zero bits mean blocks without a change, as in a picture of one colour."""
    count = scan[0]
    selectors = [scan[2 + 2 * n] for n in range(count)]
    dc = [tables.symbols.get((0, selector >> 4), 0) for selector in selectors]
    ac = [tables.symbols.get((1, selector & 15), 0) for selector in selectors]
    if tables.frame in _SEQUENTIAL:
        return not any(dc) and all(symbol == _END_OF_BLOCK for symbol in ac)
    if tables.frame == _PROGRESSIVE:
        first, refined = scan[1 + 2 * count], scan[3 + 2 * count] >> 4
        if first == 0:
            return bool(refined) or not any(dc)
        return all(symbol & 15 == 0 and symbol != _ZERO_RUN_LENGTH for symbol in ac)
    return True
