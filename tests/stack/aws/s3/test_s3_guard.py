"""
The refusals of S3, with URLs and headers that botocore signed.
"""

import base64
import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from harness.stack.aws.s3 import s3_guard
from harness.stack.aws.s3.s3_guard import S3Guard

BODY = b"a photo"
KEY = "7/raw/photo/horizontal/b/a (1)-ç.jpg"
CHECKSUM = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
HEADERS = {
    "Content-Type": "image/jpeg",
    "x-amz-checksum-sha256": CHECKSUM,
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "alias/toq-media-processing",
}


class Bucket:
    """A WSGI application that records the last request."""

    def __init__(self) -> None:
        self.environ: dict[str, Any] | None = None
        self.body = b""

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        self.environ, self.body = environ, environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b""]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def send(bucket: Bucket) -> Callable[..., tuple[str, str]]:
    """Send a request through the guard; return the status and the error code."""
    guard = S3Guard(bucket, {"test": "secret"}, lambda key: key == "alias/toq-media-processing")

    def send_through(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> tuple[str, str]:
        parts = urlsplit(url)
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote(parts.path).encode().decode("latin-1"),
            "QUERY_STRING": parts.query,
            "HTTP_HOST": parts.netloc,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        for name, value in headers.items():
            variable = name.upper().replace("-", "_")
            environ[variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"] = value
        statuses: list[str] = []
        answer = b"".join(guard(environ, lambda status, headers: statuses.append(status))).decode()
        return statuses[0].split()[0], answer.partition("<Code>")[2].partition("</Code>")[0]

    return send_through


def presigned(expires: int = 900) -> str:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://localhost:9",
        aws_access_key_id="test",
        aws_secret_access_key="secret",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    parameters = {
        "Bucket": "toq-listing-medias",
        "Key": KEY,
        "ContentType": "image/jpeg",
        "ChecksumSHA256": CHECKSUM,
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "alias/toq-media-processing",
    }
    return str(client.generate_presigned_url("put_object", parameters, ExpiresIn=expires))


class TestPresigned:
    def test_a_signed_request_of_a_url_passes(self, send, bucket):
        """
        The body with the signed headers reaches the bucket, and its checksum is kept.
        """
        assert send("PUT", presigned(), HEADERS, BODY) == ("200", "")
        assert bucket.body == BODY
        assert bucket.environ["HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"] == "SHA256"

    def test_it_expires(self, send, bucket, monkeypatch):
        """
        Two seconds after its expiry the URL is refused.
        """
        url = presigned(expires=60)
        monkeypatch.setattr(s3_guard, "_now", lambda: datetime.now(tz=UTC) + timedelta(seconds=62))

        assert send("PUT", url, HEADERS, BODY) == ("403", "AccessDenied")
        assert bucket.environ is None

    @pytest.mark.parametrize("missing", HEADERS)
    def test_a_signed_header_must_be_sent(self, send, missing):
        """
        A request without a signed header is refused.
        """
        headers = {name: value for name, value in HEADERS.items() if name != missing}

        assert send("PUT", presigned(), headers, BODY)[0] == "403"

    @pytest.mark.parametrize("changed", HEADERS)
    def test_a_signed_header_must_not_change(self, send, changed):
        """
        A signed header with another value breaks the signature.
        """
        assert send("PUT", presigned(), HEADERS | {changed: "other"}, BODY) == (
            "403",
            "SignatureDoesNotMatch",
        )

    def test_the_signature_must_not_change(self, send):
        """
        A signature with one other digit is refused.
        """
        url = presigned()
        tampered = url[:-1] + ("0" if url[-1] != "0" else "1")

        assert send("PUT", tampered, HEADERS, BODY) == ("403", "SignatureDoesNotMatch")

    def test_it_is_for_one_key(self, send):
        """
        A URL signed for one object does not write another.
        """
        assert send("PUT", presigned().replace("/7/raw", "/8/raw"), HEADERS, BODY) == (
            "403",
            "SignatureDoesNotMatch",
        )

    def test_it_is_for_one_method(self, send):
        """
        A URL signed for PUT does not delete.
        """
        assert send("DELETE", presigned(), HEADERS) == ("403", "SignatureDoesNotMatch")

    def test_the_body_must_have_the_digest(self, send, bucket):
        """
        A body with another checksum is refused and not stored.
        """
        assert send("PUT", presigned(), HEADERS, b"a virus") == ("400", "BadDigest")
        assert bucket.environ is None

    def test_an_unknown_access_key_is_refused(self, send):
        """
        The error code says that the access key does not exist.
        """
        url = presigned().replace("Credential=test", "Credential=nobody")

        assert send("PUT", url, HEADERS, BODY) == ("403", "InvalidAccessKeyId")


class TestSigned:
    def sign(self, method: str, headers: dict[str, str], body: bytes) -> tuple[str, dict[str, str]]:
        url = "http://localhost:9/toq-listing-medias/a%20b.jpg?versionId=null&uploads"
        request = AWSRequest(method, url, headers=headers, data=body)
        S3SigV4Auth(Credentials("test", "secret"), "s3", "us-east-1").add_auth(request)
        return url, dict(request.headers.items())

    def test_a_signed_request_passes(self, send, bucket):
        """
        The guard accepts botocore's signature in the header.
        """
        url, headers = self.sign("PUT", {}, BODY)

        assert send("PUT", url, headers, BODY) == ("200", "")
        assert bucket.body == BODY

    def test_the_body_is_signed(self, send):
        """
        The signature has the hash of the body.
        """
        url, headers = self.sign("PUT", {}, BODY)

        assert send("PUT", url, headers, b"a virus") == ("400", "XAmzContentSHA256Mismatch")

    def test_a_signature_expires(self, send, monkeypatch):
        """
        A request signed 16 minutes ago is refused.
        """
        url, headers = self.sign("GET", {}, b"")
        monkeypatch.setattr(s3_guard, "_now", lambda: datetime.now(tz=UTC) + timedelta(minutes=16))

        assert send("GET", url, headers) == ("403", "RequestTimeTooSkewed")

    def test_an_unknown_encryption_key_is_refused(self, send):
        """
        SSE-KMS needs a key that exists.
        """
        given = {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": "alias/nobodys",
        }
        url, headers = self.sign("PUT", given, BODY)

        assert send("PUT", url, headers, BODY) == ("400", "KMS.NotFoundException")


class TestAnonymous:
    @pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
    def test_an_anonymous_write_is_refused(self, send, bucket, method):
        """
        Without a signature nothing is written or deleted.
        """
        assert send(method, "http://localhost:9/toq-listing-medias/a.jpg", {}, BODY) == (
            "403",
            "AccessDenied",
        )
        assert bucket.environ is None

    def test_a_cors_preflight_passes(self, send):
        """
        A CORS preflight has no signature; the bucket answers it.
        """
        assert (
            send("OPTIONS", "http://localhost:9/toq-listing-medias/a.jpg", {"Origin": "https://a"})[0]
            == "200"
        )
