"""The boxes of a HEIF file: a truncated photo of a phone is recognised, although the decoder shows it."""

import io
import struct

import pillow_heif
import pytest
from PIL import Image

from harness.lab.workload.media.scenes import scene
from harness.service.pipeline.formats import heif_boxes
from harness.service.pipeline.formats.undecodable import Undecodable
from harness.service.pipeline.image_decoding import check as decode
from harness.service.pipeline.image_limits import DecodingMemory

TILE = 128
COLUMNS, ROWS = 4, 3


def box(name: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), name) + body


def full_box(name: bytes, version: int, *content: bytes) -> bytes:
    return box(name, bytes([version, 0, 0, 0]), *content)


def coded_tile() -> tuple[bytes, bytes]:
    """Return the coded data and the decoder configuration of one tile, encoded by libheif."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(scene(1, TILE, TILE))).save(buffer, quality=60)
    content = buffer.getvalue()
    at = content.index(b"hvcC") - 4
    configuration = content[at : at + int.from_bytes(content[at : at + 4], "big")]
    at = content.index(b"mdat") - 4
    data = content[at + 8 : at + int.from_bytes(content[at : at + 4], "big")]
    return data, configuration


def phone_photo() -> bytes:
    """
    Return a HEIC with the structure that phones write: a grid of tiles in ``mdat``, its index first.

    The grid itself is in the item data box, as an iPhone stores it.
    """
    tile, configuration = coded_tile()
    count = COLUMNS * ROWS
    grid_item = count + 1
    grid = bytes([0, 0, ROWS - 1, COLUMNS - 1]) + struct.pack(">HH", COLUMNS * TILE, ROWS * TILE)
    entries = [full_box(b"infe", 2, struct.pack(">HH4sB", n + 1, 0, b"hvc1", 0)) for n in range(count)]
    entries.append(full_box(b"infe", 2, struct.pack(">HH4sB", grid_item, 0, b"grid", 0)))
    properties = box(
        b"iprp",
        box(
            b"ipco",
            configuration,
            full_box(b"ispe", 0, struct.pack(">II", TILE, TILE)),
            full_box(b"ispe", 0, struct.pack(">II", COLUMNS * TILE, ROWS * TILE)),
        ),
        full_box(
            b"ipma",
            0,
            struct.pack(">I", count + 1),
            *(struct.pack(">HBBB", n + 1, 2, 0x81, 2) for n in range(count)),
            struct.pack(">HBB", grid_item, 1, 0x83),
        ),
    )
    tiles = b"".join(struct.pack(">H", n + 1) for n in range(count))
    head = box(b"ftyp", b"heic\0\0\0\0mif1heic")

    def meta(start: int) -> bytes:
        places = [
            struct.pack(">HHHHII", n + 1, 0, 0, 1, start + n * len(tile), len(tile)) for n in range(count)
        ]
        places.append(struct.pack(">HHHHII", grid_item, 1, 0, 1, 0, len(grid)))
        return full_box(
            b"meta",
            0,
            full_box(b"hdlr", 0, b"\0\0\0\0pict" + bytes(13)),
            full_box(b"pitm", 0, struct.pack(">H", grid_item)),
            full_box(b"iinf", 0, struct.pack(">H", count + 1), *entries),
            full_box(b"iref", 0, box(b"dimg", struct.pack(">HH", grid_item, count), tiles)),
            properties,
            box(b"idat", grid),
            full_box(b"iloc", 1, b"\x44\0", struct.pack(">H", count + 1), *places),
        )

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", tile * count)


PHOTO = phone_photo()


def test_a_whole_photo_is_accepted():
    """The grid decodes, and every extent is in the file."""
    decode(io.BytesIO(PHOTO), DecodingMemory.of_function())

    assert Image.open(io.BytesIO(PHOTO)).size == (COLUMNS * TILE, ROWS * TILE)


@pytest.mark.parametrize("part", [0.3, 0.5, 0.7, 0.9, 0.99, 0.999])
def test_a_truncated_photo_is_refused(part):
    """The decoder shows such a file, with missing tiles in one colour."""
    cut = PHOTO[: int(len(PHOTO) * part)]

    with pytest.raises(Undecodable, match="it is truncated"):
        decode(io.BytesIO(cut), DecodingMemory.of_function())


def test_an_index_that_ends_beyond_the_file_is_refused():
    """The data box may have the size 0, up to the end of the file: then only the extents tell."""
    at = PHOTO.index(b"mdat") - 4
    cut = (PHOTO[:at] + bytes(4) + PHOTO[at + 4 :])[:-100]

    with pytest.raises(Undecodable, match=r"it is truncated: image 12 ends at byte \d+ of \d+"):
        heif_boxes.check(io.BytesIO(cut))


def test_a_tile_overwritten_with_zeros_is_refused():
    """HEVC has no run of zero bytes."""
    at = PHOTO.index(b"mdat") + len(PHOTO) // 3
    damaged = PHOTO[:at] + bytes(500) + PHOTO[at + 500 :]

    with pytest.raises(Undecodable, match=r"the data of image \d+ are damaged"):
        heif_boxes.check(io.BytesIO(damaged))


def test_other_data_behind_the_last_box_are_ignored():
    """Cameras append their own data."""
    heif_boxes.check(io.BytesIO(PHOTO + b"\xff\xffSEFH" + bytes(100)))


def test_an_index_that_never_ends_is_refused():
    """Extents with fields of no bytes would cost time for ever in a file of some bytes."""
    places = b"".join(struct.pack(">HHHH", n, 0, 0, 0xFFFF) for n in range(9))
    content = full_box(b"meta", 0, full_box(b"iloc", 1, b"\0\0", struct.pack(">H", 9), places))

    with pytest.raises(Undecodable, match="its index of images is too long"):
        heif_boxes.check(io.BytesIO(content))
