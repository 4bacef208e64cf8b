"""
Damaged files: the pipeline refuses each, with the code that the modelled and the simulated worlds use.
"""

import io

import pytest

from harness.lab.workload.media.media_content import content
from harness.lab.workload.upload_batch import FileDamage, UploadFile
from harness.lab.workload.work_and_faults import ERROR_CODES
from harness.service.pipeline import content_check
from harness.service.pipeline.formats.undecodable import Undecodable

FILES = {
    "image/jpeg": ("PHOTO_HORIZONTAL", 320, 240),
    "image/png": ("PHOTO_HORIZONTAL", 320, 240),
    "image/heic": ("PHOTO_HORIZONTAL", 320, 240),
    "video/mp4": ("VIDEO_HORIZONTAL", 160, 120),
    "application/pdf": ("PROJECT_DOC", 0, 0),
}
IMAGES = [kind for kind in FILES if kind.startswith("image/")]


def checked(content_type, damage, folder):
    """Return the code with which the pipeline refuses a file; None if it accepts the file."""
    media_type, width, height = FILES[content_type]
    seconds = 0.4 if media_type.startswith("VIDEO") else 0.0
    made = content(
        UploadFile("a1-1", 1, media_type, "f", content_type, 9000, width, height, seconds, damage=damage), 3
    ).content
    path = folder / "file"
    path.write_bytes(made)
    asset = {"key": "k", "type": media_type, "contentType": content_type}
    try:
        content_check.properties(asset, io.BytesIO(made), str(path))
    except Undecodable as refused:
        return refused.code
    return None


@pytest.mark.parametrize("content_type", FILES)
@pytest.mark.parametrize("damage", [FileDamage.CORRUPT, FileDamage.TRUNCATED, FileDamage.MISLABELLED, None])
def test_a_damaged_file_is_refused_with_its_code(tmp_path, content_type, damage):
    """
    And one that is not damaged is accepted.
    """
    assert checked(content_type, damage, tmp_path) == ERROR_CODES.get(damage)


@pytest.mark.parametrize("content_type", IMAGES)
def test_an_oversized_picture_is_refused_before_it_is_decoded(tmp_path, content_type):
    """
    Its 400 million pixels would need more than a gigabyte.
    """
    assert checked(content_type, FileDamage.OVERSIZED, tmp_path) == "IMAGE_TOO_LARGE"


def test_there_is_no_oversized_document():
    """
    A scenario's fault does not strike such files.
    """
    with pytest.raises(ValueError, match="no oversized application/pdf"):
        checked("application/pdf", FileDamage.OVERSIZED, None)
