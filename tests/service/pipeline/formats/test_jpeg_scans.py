"""The scans of a JPEG: damage that the decoder does not report, and how much work a file is."""

import io

import numpy as np
import pytest
from PIL import Image

from harness.lab.workload.media.photos import photograph
from harness.service.pipeline.formats import jpeg_scans
from harness.service.pipeline.formats.undecodable import IMAGE_TOO_COMPLEX, Undecodable
from harness.service.pipeline.image_decoding import check
from harness.service.pipeline.image_limits import DecodingMemory
from tests.media_defects import many_scans, zeroed

PHOTO = photograph(1, 1600, 1200).content


def encoded(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def grain() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (600, 800, 3), np.uint8))


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}])
def test_a_stretch_of_zero_bytes_is_damage(options):
    """Ten kilobytes are lost; the decoder shows a picture with a broken part."""
    content = zeroed(encoded(grain(), quality=90, **options), 10_000)
    Image.open(io.BytesIO(content)).load()  # It does decode.

    with pytest.raises(Undecodable, match="a stretch of zero bytes"):
        check(io.BytesIO(content), DecodingMemory.of_function())


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}])
def test_a_picture_of_one_colour_is_not_damage(options):
    """Where zero bits mean a plain block, an encoder writes long runs of zeros."""
    content = encoded(Image.new("RGB", (4000, 3000), "white"), **options)

    assert not jpeg_scans.read(io.BytesIO(content), 100).damaged


def test_padding_before_the_end_is_not_damage():
    """Cameras fill the last bytes of a scan."""
    content = PHOTO[:-2] + bytes(4000) + PHOTO[-2:]

    assert not jpeg_scans.read(io.BytesIO(content), 100).damaged


def test_zeros_across_two_reads_are_found(monkeypatch):
    """The file is read in parts."""
    monkeypatch.setattr(jpeg_scans, "_CHUNK_BYTES", 1024)

    assert jpeg_scans.read(io.BytesIO(zeroed(PHOTO, 2000)), 100).damaged
    assert not jpeg_scans.read(io.BytesIO(PHOTO), 100).damaged


def test_a_progressive_picture_keeps_its_coefficients():
    """4:2:0 has three coefficients for two pixels, of two bytes each; one scan needs no such memory."""
    progressive = encoded(Image.new("RGB", (640, 480)), progressive=True)

    assert jpeg_scans.read(io.BytesIO(progressive), 100).coefficients == 640 * 480 * 3
    assert jpeg_scans.read(io.BytesIO(PHOTO), 100).coefficients == 0


def test_a_picture_with_hundreds_of_scans_is_refused_before_it_is_decoded():
    """Each scan is a pass over the whole picture: 800 of them in 504 kB took more than a minute."""
    content = many_scans(800)

    with pytest.raises(Undecodable, match="more than 100 scans") as refused:
        check(io.BytesIO(content), DecodingMemory.of_function())

    assert refused.value.code == IMAGE_TOO_COMPLEX


def test_a_large_picture_may_have_fewer_scans():
    """The limit is the number of pixels that are passed over."""
    content = many_scans(30, side=9600)

    with pytest.raises(Undecodable, match="more than 27 scans") as refused:
        check(io.BytesIO(content), DecodingMemory(4 * 1024**3))

    assert refused.value.code == IMAGE_TOO_COMPLEX
