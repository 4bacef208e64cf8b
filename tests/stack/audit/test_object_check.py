"""
Checks of downloaded objects by their content.
"""

import io
import zipfile

import pytest
from PIL import Image

from harness.stack.audit.object_check import problem_of
from harness.stack.modelled import placeholder


def archive(content):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as bundle:
        bundle.writestr("a.jpg", content)
    return written.getvalue()


def noise():
    written = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(written, "JPEG")
    return written.getvalue()


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("a/large/x.jpg", placeholder.picture()[0]),
        ("a/full.zip", placeholder.archive()[0]),
        ("a/full.zip", archive(b"content")),
        ("a/original/x.pdf", placeholder.PDF),
        ("a/720p/x.mp4", b"\0\0\0\x18ftypisom"),
        ("a/hls/x/index.m3u8", b"#EXTM3U\n"),
    ],
)
def test_whole_objects_have_no_problem(key, content):
    """
    Of every kind that the pipeline makes.
    """
    assert problem_of(key, content, modelled=False) is None


@pytest.mark.parametrize(
    ("key", "content", "problem"),
    [
        ("a/large/x.jpg", b"", "does not decode"),
        ("a/large/x.jpg", noise()[:-400], "does not decode"),
        ("a/full.zip", archive(b"content")[:-5], "does not open"),
        ("a/full.zip", archive(b"content").replace(b"content", b"kontent"), "holds a.jpg, which is damaged"),
        ("a/720p/x.mp4", b"", "does not start with"),
        ("a/720p/x.mp4", placeholder.FILLER, "does not start with"),
        ("a/original/x.pdf", b"%!PS", "does not start with"),
    ],
)
def test_damaged_objects_have_one(key, content, problem):
    """
    Cut, changed or of another kind.
    """
    found = problem_of(key, content, modelled=False)

    assert found is not None
    assert found.startswith(problem)


def test_placeholders_are_whole_where_the_work_is_modelled():
    """
    Modelled handlers make no videos.
    """
    assert problem_of("a/720p/x.mp4", placeholder.FILLER, modelled=True) is None
