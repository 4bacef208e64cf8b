"""
The boxes of a HEIF file: whether it contains all the data to which its item locations refer.

The decoder fills missing tiles with green instead of reporting an error.

Source:
    ISO/IEC 14496-12, 4.2, 8.11.3 and 8.11.6; ISO/IEC 23008-12.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import IO

from harness.service.pipeline.formats import nal_units
from harness.service.pipeline.formats.undecodable import Undecodable

EXTENTS_MAX = 20_000
"""A photo of 200 MP has some hundred tiles, each with one extent."""

_TOP_LEVEL = (b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"idat", b"uuid", b"mpvd")
_META_BYTES_MAX = 16 * 1024 * 1024
_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class _Extent:
    """A part of an item: *offset* in the file, or in the item data box if *inside*."""

    item: int
    offset: int
    length: int
    inside: bool


def check(file: IO[bytes]) -> None:
    """
    Check that a HEIF file is complete, and rewind it.

    Raises:
        Undecodable: The file ends before its data, or coded image data are overwritten with zeros.
    """
    try:
        _check(file)
    except (struct.error, IndexError):
        raise Undecodable("its index of images is damaged") from None
    file.seek(0)


def _check(file: IO[bytes]) -> None:
    end = file.seek(0, 2)
    meta = b""
    for name, start, size in _top_level(file, end):
        if start + size > end:
            raise Undecodable(f"it is truncated: {end} bytes of at least {start + size}")
        if name == b"meta" and not meta:
            if size > _META_BYTES_MAX:
                raise Undecodable("its index of images is too long")
            file.seek(start)
            meta = file.read(size)
    if meta:
        _check_items(file, end, dict(_boxes(meta, 4)))


def _top_level(file: IO[bytes], end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and size of the content of each box; cameras may add other data behind the last."""
    at = 0
    while at + 8 <= end:
        file.seek(at)
        size, name = struct.unpack(">I4s", file.read(8))
        if name not in _TOP_LEVEL:
            return
        header = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            header = 16
        elif size == 0:
            size = end - at
        yield name, at + header, size - header
        at += max(size, header)


def _boxes(data: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        yield name, data[at + 8 : at + size]
        at += max(size, 8)


def _check_items(file: IO[bytes], end: int, meta: dict[bytes, bytes]) -> None:
    inside_end = len(meta.get(b"idat", b""))
    extents = list(islice(_extents(meta.get(b"iloc", b"")), EXTENTS_MAX + 1))
    if len(extents) > EXTENTS_MAX or sum(extent.length for extent in extents) > 2 * end:
        raise Undecodable("its index of images is too long")
    for extent in extents:
        last, limit = extent.offset + extent.length, inside_end if extent.inside else end
        if last > limit:
            raise Undecodable(f"it is truncated: image {extent.item} ends at byte {last} of {limit}")
    used = set(_coded_items(meta.get(b"iinf", b""))) - set(_thumbnails(meta.get(b"iref", b"")))
    parts = sorted((each for each in extents if each.item in used and not each.inside), key=_item)
    for item, its_parts in groupby(parts, key=_item):
        if nal_units.are_damaged(_joined(file, its_parts), _LENGTH_BYTES):
            raise Undecodable(f"the data of image {item} are damaged")


def _item(extent: _Extent) -> int:
    return extent.item


def _joined(file: IO[bytes], extents: Iterable[_Extent]) -> bytes:
    parts = []
    for extent in extents:
        file.seek(extent.offset)
        parts.append(file.read(extent.length))
    return b"".join(parts)


def _extents(iloc: bytes) -> Iterator[_Extent]:
    """Yield every extent; one that derives data from another item, or from another file, has length 0."""
    version = iloc[0] if iloc else 0
    fields = _BigEndian(iloc, 4)
    sizes = fields.take(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version in (1, 2) else 0
    for _ in range(fields.take(4 if version == 2 else 2)):
        item = fields.take(4 if version == 2 else 2)
        method = fields.take(2) & 15 if version in (1, 2) else 0
        reference = fields.take(2)
        base = fields.take(base_size)
        for _ in range(fields.take(2)):
            fields.take(index_size)
            offset, length = base + fields.take(offset_size), fields.take(length_size)
            stored = method in (0, 1) and not reference
            yield _Extent(
                item, offset if stored else 0, length if stored else 0, inside=method != 0 or bool(reference)
            )


def _coded_items(iinf: bytes) -> Iterator[int]:
    """Yield the items that are coded with HEVC."""
    count_size = 2 if iinf[:1] in (b"\0", b"") else 4
    for name, entry in _boxes(iinf, 4 + count_size):
        if name == b"infe" and entry[0] in (2, 3):
            item_size = 2 if entry[0] == 2 else 4
            if entry[6 + item_size : 10 + item_size] == b"hvc1":
                yield int.from_bytes(entry[4 : 4 + item_size], "big")


def _thumbnails(iref: bytes) -> Iterator[int]:
    """Yield the items that are thumbnails of others; they are not used."""
    item_size = 2 if iref[:1] in (b"\0", b"") else 4
    for name, reference in _boxes(iref, 4):
        if name == b"thmb":
            yield int.from_bytes(reference[:item_size], "big")


class _BigEndian:
    """Reads unsigned integers, one after the other; raises IndexError at the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def take(self, size: int) -> int:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise IndexError(self._at)
        return int.from_bytes(self._data[start : self._at], "big")
