"""
Placeholder objects: signed requests, and the errors of their answers.
"""

from types import SimpleNamespace
from urllib.parse import unquote

import pytest
import urllib3

from harness.service.core.errors import Retryable
from harness.service.pipeline.media_objects import NoSuchObject
from harness.stack.aws.s3.placeholder_objects import PlaceholderObjects
from harness.stack.aws.s3.s3_guard import S3Guard

KEY = "7/processed/photo/horizontal/large/b/3/a0-1 (1).jpg"


class GuardedPool:
    """Connections to an S3 behind the guard, with one answer for all requests that pass."""

    def __init__(self, status: int = 200, **headers: str) -> None:
        self.guard = S3Guard(self._bucket, {"test": "secret"}, lambda key: key == "alias/key")
        self.answer = SimpleNamespace(status=status, headers=headers, data=b"it said no")
        self.passed: list[str] = []

    def urlopen(self, method, path, body, headers):
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote(path),
            "QUERY_STRING": "",
        }
        for name, value in headers.items():
            variable = name.upper().replace("-", "_")
            environ[variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"] = value
        self.guard(environ, lambda *_: None)
        return self.answer

    def _bucket(self, environ, _start_response):
        self.passed.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return []


def objects(pool):
    return PlaceholderObjects(
        client=None,
        bucket="media",
        kms_key="alias/key",
        pool=pool,
        host="127.0.0.1:9",
        access_key="test",
        secret_key="secret",
        region="us-east-1",
    )


class TestPlaceholderObjects:
    def test_a_put_is_signed(self):
        """
        The guard accepts the signature.
        """
        pool = GuardedPool()
        objects(pool).put(KEY, b"x", "image/jpeg")

        assert pool.passed == [f"PUT /media/{KEY}"]

    def test_a_head_is_signed(self):
        """
        The guard accepts the signature, and the size is that of the answer.
        """
        pool = GuardedPool(**{"content-length": "17"})
        size = objects(pool).size(KEY)

        assert (size, pool.passed) == (17, [f"HEAD /media/{KEY}"])

    def test_a_missing_object_is_no_such_object(self):
        """
        Status 404 raises NoSuchObject.
        """
        with pytest.raises(NoSuchObject):
            objects(GuardedPool(404)).size(KEY)

    @pytest.mark.parametrize(
        "request_", [lambda bucket: bucket.size(KEY), lambda bucket: bucket.put(KEY, b"", "")]
    )
    def test_an_error_of_the_bucket_is_retryable(self, request_):
        """
        Status 503 raises Retryable.
        """
        with pytest.raises(Retryable, match="503"):
            request_(objects(GuardedPool(503)))

    def test_an_unreachable_bucket_is_retryable(self):
        """
        Without an answer the request raises Retryable.
        """
        pool = urllib3.HTTPConnectionPool("127.0.0.1", 1, retries=False)
        with pytest.raises(Retryable, match="STORAGE_UNAVAILABLE"):
            objects(pool).size(KEY)
