"""The writer of objects in parts."""

import pytest

from harness.service.pipeline.media_objects import media_objects
from harness.service.pipeline.multipart_writer import PART_BYTES, MultipartWriter


def test_a_small_object_is_put_at_once(pipeline):
    """An object smaller than a part needs no multipart upload."""
    with MultipartWriter(media_objects(), "k", "text/plain") as writer:
        writer.write(b"one ")
        writer.write(b"two")

    head = pipeline.client.head_object(Bucket="toq-listing-medias", Key="k")
    assert pipeline.content("k") == b"one two"
    assert writer.bytes_written == 7
    assert "-" not in head["ETag"]
    assert head["ServerSideEncryption"] == "aws:kms"
    assert head["ContentType"] == "text/plain"


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.slow
def test_a_large_object_is_sent_in_parts(pipeline, extra):
    """Two whole parts and the rest; the content is unchanged."""
    content = bytes(range(256)) * (2 * PART_BYTES // 256) + b"x" * extra

    with MultipartWriter(media_objects(), "k", "application/zip") as writer:
        for start in range(0, len(content), 3_000_000):
            writer.write(content[start : start + 3_000_000])

    head = pipeline.client.head_object(Bucket="toq-listing-medias", Key="k")
    assert pipeline.content("k") == content
    assert head["ETag"].strip('"').endswith(f"-{2 + extra}")
    assert head["ServerSideEncryption"] == "aws:kms"


def test_an_error_leaves_neither_object_nor_parts(pipeline):
    """An exception aborts the upload."""
    writer = MultipartWriter(media_objects(), "k", "application/zip")

    with pytest.raises(ZeroDivisionError), writer:
        _ = writer.write(bytes(PART_BYTES + 1)) / 0

    assert pipeline.keys == []
    assert pipeline.client.list_multipart_uploads(Bucket="toq-listing-medias").get("Uploads", []) == []
