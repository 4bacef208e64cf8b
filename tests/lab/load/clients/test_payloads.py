"""
The uploaded content has the announced size and digest.
"""

import hashlib
import io

from PIL import Image

from harness.lab.load.clients.payloads import IN_MEMORY_BYTES, filler, real_media
from harness.lab.workload.upload_batch import UploadBatch, UploadFile

PHOTO = UploadFile("a1-1", 1, "PHOTO_HORIZONTAL", "photo-01.jpg", "image/jpeg", 50_000, width=64, height=48)


def content(payload):
    body = payload.open()
    return body if isinstance(body, bytes) else body.read()


def test_filler_has_its_size_and_digest():
    """
    1,500,000 zeros, whatever size the file was planned with.
    """
    payload = filler(1_500_000)(PHOTO)

    assert payload.size == len(content(payload)) == 1_500_000
    assert payload.sha256 == hashlib.sha256(bytes(1_500_000)).hexdigest()


def test_large_filler_is_read_from_a_file():
    """
    The client would copy bytes twice; it sends a file piece by piece.
    """
    payload = filler(IN_MEMORY_BYTES + 1)(PHOTO)

    assert not isinstance(payload.open(), bytes)
    assert len(content(payload)) == IN_MEMORY_BYTES + 1


def test_made_photos_decode_and_match_what_was_announced(tmp_path):
    """
    Size and digest in the manifest are those of the bytes that are sent, every time they are sent.
    """
    payload = real_media([UploadBatch(1, "photo_shoot", 0, (PHOTO,))], tmp_path / "media", seed=7)(PHOTO)

    assert payload.size == len(content(payload))
    assert payload.sha256 == hashlib.sha256(content(payload)).hexdigest()
    assert Image.open(io.BytesIO(content(payload))).size == (64, 48)
