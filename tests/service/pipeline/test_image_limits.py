"""The limits of images: refused by their headers, and decoded one after the other if both do not fit."""

import io
import struct
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

from harness.service.pipeline.formats.undecodable import IMAGE_TOO_LARGE, Undecodable
from harness.service.pipeline.image_decoding import check, derive
from harness.service.pipeline.image_limits import DecodingMemory, memory_needed

MB = 1024 * 1024


def png(image: Image.Image) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer


def test_the_memory_is_that_of_the_function(monkeypatch):
    """Lambda tells the function its size; a part is reserved for Python."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048")

    assert DecodingMemory.of_function().total == 1792 * MB


@pytest.mark.parametrize(
    ("image", "bytes_for_a_pixel"),
    [("RGBA", 4), ("L", 1), ("I;16", 2), ("P", 1)],
)
def test_the_memory_for_a_png_follows_from_its_mode(image, bytes_for_a_pixel):
    """Pillow keeps RGB in four bytes."""
    file = png(Image.new(image, (100, 50)))

    with Image.open(file) as opened:
        assert memory_needed(opened, file) == 5000 * bytes_for_a_pixel


def test_an_image_that_does_not_fit_is_refused_before_it_is_decoded():
    """The message has both figures."""
    file = png(Image.new("RGBA", (2000, 2000)))

    with pytest.raises(Undecodable, match="its decoding needs 15 MB, this function has 8 MB") as refused:
        check(file, DecodingMemory(8 * MB))

    assert refused.value.code == IMAGE_TOO_LARGE


def test_a_phone_photo_of_108_megapixels_fits():
    """A JPEG is decoded at a fraction of its size."""
    buffer = io.BytesIO()
    Image.new("L", (12000, 9000), 128).save(buffer, "JPEG")

    check(buffer, DecodingMemory.of_function())


def test_two_large_images_wait_for_each_other():
    """Together they would need more than the function has."""
    memory = DecodingMemory(10)
    inside = threading.Event()

    def second() -> None:
        with memory.reserved(6):
            inside.set()

    with memory.reserved(6):
        thread = threading.Thread(target=second)
        thread.start()
        assert not inside.wait(0.05)
    thread.join(5)
    assert inside.is_set()


def test_small_images_do_not_wait():
    """As many as fit are decoded at once."""
    memory = DecodingMemory(10)

    with memory.reserved(5), memory.reserved(5):
        assert memory.used == 10
    assert memory.used == 0


def test_a_large_image_derived_in_bands_looks_the_same(monkeypatch):
    """Only the memory differs."""
    from harness.service.pipeline import image_decoding

    rows = np.random.default_rng(1).integers(0, 256, (70, 90, 4), np.uint8).repeat(12, 0).repeat(12, 1)
    content = png(Image.fromarray(rows[:-5, :-7])).getvalue()
    whole = derive(io.BytesIO(content), {"thumbnail": 90}, DecodingMemory.of_function())
    monkeypatch.setattr(image_decoding, "_BANDED_PIXELS", 0)
    monkeypatch.setattr(image_decoding, "_BAND_LINES", 50)

    banded = derive(io.BytesIO(content), {"thumbnail": 90}, DecodingMemory.of_function())

    difference = np.abs(np.subtract(whole["thumbnail"], banded["thumbnail"], dtype=np.int16))
    assert difference.max() <= 12
    assert difference.mean() < 1


def tiff(side: int) -> io.BytesIO:
    """Return a TIFF of 200 bytes that announces a black-and-white picture of *side* × *side* pixels."""
    tags = ((256, side), (257, side), (258, 1), (259, 1), (262, 0), (273, 8), (278, side), (279, 1))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return io.BytesIO(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4))


def test_a_tiff_bomb_is_refused_by_its_header():
    """A file of 200 bytes would become gigabytes."""
    with pytest.raises(Undecodable) as refused:
        check(tiff(300_000), DecodingMemory.of_function())

    assert refused.value.code == IMAGE_TOO_LARGE


def test_an_archive_is_no_picture():
    """Nothing is unpacked: a ZIP bomb has no effect."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("photo.jpg", bytes(50 * MB))
    buffer.seek(0)

    with pytest.raises(Undecodable, match="not an image in a known format"):
        check(buffer, DecodingMemory.of_function())
