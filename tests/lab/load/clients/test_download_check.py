"""
Downloaded content is checked; the result is text that says what is wrong.
"""

import io
import zipfile

from PIL import Image

from harness.lab.load.clients import download_check


def picture(width, height, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def archive(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name in names:
            opened.writestr(name, b"content")
    return buffer.getvalue()


def test_a_picture_of_the_announced_size_is_fine():
    """
    It decodes and has the announced size.
    """
    assert download_check.image("40x30")(picture(40, 30)) is None


def test_a_picture_of_another_size_is_not():
    """
    A thumbnail that was not rotated has width and height swapped.
    """
    assert download_check.image("40x30")(picture(30, 40)) == "is 30x40, announced as 40x30"


def test_a_picture_that_kept_its_exif_is_not_fine():
    """
    EXIF data may hold the place where a photo was taken.
    """
    exif = Image.Exif()
    exif[0x0110] = "Camera"

    assert download_check.image("40x30")(picture(40, 30, exif=exif)) == "carries EXIF"


def test_a_truncated_picture_does_not_decode():
    """
    The whole image is decoded, not only its header.
    """
    half = picture(400, 300)[:600]

    assert download_check.image("400x300")(half).startswith("does not decode")


def test_an_archive_holds_every_file_once():
    """
    Two files, two names.
    """
    assert download_check.archive(2)(archive("a.jpg", "b.jpg")) is None
    assert download_check.archive(3)(archive("a.jpg", "b.jpg")) == "holds 2 different names for 3 files"


def test_a_truncated_archive_does_not_open():
    """
    The directory of a ZIP is at its end.
    """
    assert download_check.archive(2)(archive("a.jpg", "b.jpg")[:40]).startswith("does not open")


def test_a_video_begins_with_its_type():
    """
    An MP4 has its type four bytes in.
    """
    mp4 = download_check.starts_with(b"ftyp", at=4)

    assert mp4(b"\0\0\0\x20ftypisom") is None
    assert mp4(b"<Error>") == "does not start with b'ftyp'"
