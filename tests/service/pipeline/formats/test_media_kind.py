"""The format of a file, compared with its declared content type."""

import io

import pytest
from PIL import Image

from harness.lab.workload.media.documents import document
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.service.pipeline.formats import media_kind
from harness.service.pipeline.formats.undecodable import CONTENT_TYPE_MISMATCH, Undecodable


def webp() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "WEBP")
    return buffer.getvalue()


FILES = {
    "image/jpeg": photograph(1, 64, 48).content,
    "image/png": photograph(1, 64, 48, kind="png").content,
    "image/heic": photograph(1, 64, 48, kind="heic").content,
    "image/webp": webp(),
    "video/mp4": video(1, 64, 48, duration=0.2).content,
    "application/pdf": document(1).content,
}


@pytest.mark.parametrize("content_type", FILES)
def test_the_format_of_each_accepted_file_is_known(content_type):
    """By its first bytes."""
    assert media_kind.kind_of(FILES[content_type][:1024]) == content_type


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("image/jpeg", "image/png"),
        ("image/jpeg", "image/webp"),
        ("image/jpeg", "image/heic"),
        ("image/heic", "image/jpeg"),
        ("video/mp4", "image/heic"),
        ("video/quicktime", "application/pdf"),
        ("application/pdf", "image/png"),
    ],
)
def test_another_format_than_declared_is_refused(declared, actual):
    """Clients and browsers rely on the content type."""
    with pytest.raises(Undecodable, match=f"it is {actual}, declared as {declared}") as refused:
        media_kind.must_be(declared, io.BytesIO(FILES[actual]))

    assert refused.value.code == CONTENT_TYPE_MISMATCH


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        ("image/heif", "image/heic"),
        (" IMAGE/JPEG", "image/jpeg"),
        ("video/quicktime", "video/mp4"),
        ("image/jpg", "image/jpeg"),
    ],
)
def test_two_names_of_one_format_agree(declared, actual):
    """QuickTime and MP4 are one container."""
    media_kind.must_be(declared, io.BytesIO(FILES[actual]))


def test_an_old_quicktime_file_needs_no_type_box():
    """Cameras before 2001 begin with the media data."""
    assert media_kind.kind_of(b"\0\0\1\0mdat" + bytes(100)) == "video/mp4"


def test_an_unknown_format_is_left_to_the_decoder():
    """A damaged header is not another format."""
    media_kind.must_be("image/jpeg", io.BytesIO(bytes(100)))
