"""
The contract of `ObjectStorage`. The S3 server of these tests checks signatures and checksums.
"""

import hashlib
from typing import Any

from harness.service.core.model.batch import MediaStage
from harness.service.core.model.checksum import Sha256

KEY = "7/raw/photo/vertical/0b6e/p1-fa-ade.jpg"
BODY = b"a photo"
CHECKSUM = Sha256(hashlib.sha256(BODY).hexdigest())


class TestSignedUpload:
    def test_it_returns_the_required_headers(self, bucket: Any) -> None:
        """
        Content type, checksum and encryption are required headers.
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

    def test_the_properties_of_an_upload_are_returned(self, bucket: Any) -> None:
        """
        Size, content type and checksum of an upload.
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
        A missing object is not an error.
        """
        assert bucket.storage.head("7/raw/nothing.jpg") is None

    def test_a_deleted_object_is_none(self, bucket: Any) -> None:
        """
        A second deletion is not an error.
        """
        upload = bucket.storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=900)
        bucket.put(upload, KEY, BODY)
        bucket.storage.delete(KEY)
        bucket.storage.delete(KEY)

        assert bucket.storage.head(KEY) is None


class TestTag:
    def test_a_tagged_object_is_found_by_its_prefix_and_has_the_tag(self, bucket: Any) -> None:
        """
        A second tag replaces the first; other prefixes have other keys.
        """
        upload = bucket.storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=900)
        bucket.put(upload, KEY, BODY)

        assert bucket.storage.tag(KEY, MediaStage.RAW_DONE)
        assert bucket.storage.tag(KEY, MediaStage.DELETED)

        assert bucket.stage_of(KEY) == "deleted"
        assert bucket.storage.list_keys("7/raw/photo/vertical/0b6e/") == [KEY]
        assert bucket.storage.list_keys("7/raw/photo/vertical/0b6/") == []
        assert bucket.storage.head(KEY).checksum == CHECKSUM

    def test_a_missing_object_is_not_tagged(self, bucket: Any) -> None:
        """
        The result is false: an object that was deleted before needs no tag.
        """
        upload = bucket.storage.sign_upload(KEY, content_type="image/jpeg", checksum=CHECKSUM, ttl=900)
        bucket.put(upload, KEY, BODY)
        bucket.storage.delete(KEY)

        assert not bucket.storage.tag(KEY, MediaStage.DELETED)
        assert not bucket.storage.tag("7/raw/nothing.jpg", MediaStage.DELETED)


def test_a_download_url_names_the_object(bucket: Any) -> None:
    """
    The URL contains the bucket and the key.
    """
    url = bucket.storage.sign_download(KEY, ttl=3600)

    assert url.startswith(bucket.known_host)
    assert KEY in url


def test_it_answers_a_ping(bucket: Any) -> None:
    """
    A ping returns without an error.
    """
    bucket.storage.ping()
