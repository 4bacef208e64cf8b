"""
The local S3 with a full disk: a large upload fails, and succeeds when there is room again.
"""

from urllib.parse import urlsplit

import psutil
import pytest

from harness.stack.processes.process_tree import fill_disk, free_disk

pytestmark = pytest.mark.stack
LARGE = 100_000
"""More than the objects that S3 keeps in memory [bytes]."""


@pytest.fixture
def s3(modelled_stack):
    """The process of the S3 of this stack, not of another one; its disk is not full afterwards."""
    port = str(urlsplit(modelled_stack.s3_url).port)
    children = psutil.Process(modelled_stack.supervisor_pid).children(recursive=True)
    pid = next(
        each.pid for each in children if {"harness.stack.aws.s3.s3_server", port} <= set(each.cmdline())
    )
    yield pid
    free_disk(pid)


def test_a_large_upload_fails_until_there_is_room(uploader, s3):
    """
    Small objects are in memory; a large one is refused with 500, and nothing of it is kept.
    """

    def upload(size):
        return uploader.upload(photos=1, videos=0, content=lambda kind, seed: bytes([seed % 256]) * size)

    fill_disk(s3)
    listing, small = upload(1000)
    with pytest.raises(AssertionError, match=r"InternalError|Internal Server Error"):
        upload(LARGE)
    free_disk(s3)
    again, large = upload(LARGE)

    assert uploader.status(listing, small)["status"] == "READY"
    assert uploader.status(again, large)["status"] == "READY"
