"""
The bucket: what every one promises. The S3 behind it checks signatures and checksums.
"""

import hashlib
from typing import Any

from harness.service.core.model.checksum import Sha256

KEY = "7/raw/photo/vertical/0b6e/p1-fa-ade.jpg"
BODY = b"a photo"
CHECKSUM = Sha256(hashlib.sha256(BODY).hexdigest())


class TestSignedUpload:
    def test_it_names_the_headers_that_must_go_with_it(self, bucket: Any) -> None:
        """
        Content type, checksum and encryption are part of the deal.
        """
        upload = bucket.storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=900)

        assert upload.url.startswith(bucket.known_host)
        assert KEY in upload.url
        assert upload.headers == {
            "Content-Type": "image/jpeg",
            "x-amz-checksum-sha256": CHECKSUM.base64,
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "alias/toq-media-processing",
        }

    def test_what_was_put_is_known(self, bucket: Any) -> None:
        """
        Size, content type and checksum of an upload come back.
        """
        upload = bucket.storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=900)
        bucket.put(upload, KEY, BODY)

        found = bucket.storage.head(KEY)

        assert (found.key, found.bytes, found.content_type) == (KEY, 7, "image/jpeg")
        assert found.checksum == CHECKSUM
        assert found.etag.startswith('"')


class TestHead:
    def test_a_missing_object_is_none(self, bucket: Any) -> None:
        """
        Not there is an answer, not an error.
        """
        assert bucket.storage.head("7/raw/nothing.jpg") is None

    def test_a_deleted_object_is_none(self, bucket: Any) -> None:
        """
        Deleting twice is no error.
        """
        upload = bucket.storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=900)
        bucket.put(upload, KEY, BODY)
        bucket.storage.delete(KEY)
        bucket.storage.delete(KEY)

        assert bucket.storage.head(KEY) is None


def test_a_download_url_names_the_object(bucket: Any) -> None:
    """
    It is a URL of this bucket and this key.
    """
    url = bucket.storage.sign_download(KEY, ttl=3600)

    assert url.startswith(bucket.known_host)
    assert KEY in url


def test_it_answers_a_ping(bucket: Any) -> None:
    """
    A bucket that is there says nothing.
    """
    bucket.storage.ping()
