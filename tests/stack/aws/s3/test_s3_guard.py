"""
The refusals of S3, with URLs and headers that botocore signed.
"""

import base64
import hashlib
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from harness.stack.aws.s3 import s3_guard
from harness.stack.aws.s3.s3_guard import S3Guard

BODY = b"a photo"
KEY = "7/raw/photo/horizontal/b/a (1)-ç.jpg"
UNSIGNED_HEADERS = {
    "x-amz-acl": "public-read",
    "X-Amz-Website-Redirect-Location": "https://a",
    "x-amz-tagging": "a=b",
    "x-amz-storage-class": "GLACIER",
    "x-amz-meta-a": "b",
    "x-amz-content-sha256": hashlib.sha256(b"a photo").hexdigest(),
}
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
    parameters = {
        "Bucket": "toq-listing-medias",
        "Key": KEY,
        "ContentType": "image/jpeg",
        "ChecksumSHA256": CHECKSUM,
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": "alias/toq-media-processing",
    }
    return str(signing_client().generate_presigned_url("put_object", parameters, ExpiresIn=expires))


def presigned_read(operation: str = "get_object") -> str:
    parameters = {"Bucket": "toq-listing-medias", "Key": KEY}
    return str(signing_client().generate_presigned_url(operation, parameters, ExpiresIn=900))


def signing_client() -> Any:
    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://localhost:9",
        aws_access_key_id="test",
        aws_secret_access_key="secret",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


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

    @pytest.mark.parametrize(("method", "operation"), [("GET", "get_object"), ("HEAD", "head_object")])
    def test_a_signed_read_passes(self, send, method, operation):
        """
        A URL signed for a download needs no header.
        """
        assert send(method, presigned_read(operation), {}) == ("200", "")

    def test_a_read_expires(self, send, monkeypatch):
        """
        After its expiry a URL reads nothing.
        """
        url = presigned_read()
        monkeypatch.setattr(s3_guard, "_now", lambda: datetime.now(tz=UTC) + timedelta(seconds=902))

        assert send("GET", url, {}) == ("403", "AccessDenied")

    @pytest.mark.parametrize("ahead", [timedelta(minutes=16), timedelta(days=365)])
    def test_it_is_not_valid_before_its_date(self, send, monkeypatch, ahead):
        """
        A URL signed with a date in the future is refused.
        """
        url = presigned_read()
        monkeypatch.setattr(s3_guard, "_now", lambda: datetime.now(tz=UTC) - ahead)

        assert send("GET", url, {}) == ("403", "AccessDenied")

    def test_the_last_date_is_refused(self, send):
        """
        An expiry beyond the last date that Python knows is not an error of the server.
        """
        url = re.sub("X-Amz-Date=[^&]+", "X-Amz-Date=99991231T235959Z", presigned_read())

        assert send("GET", url, {}) == ("403", "AccessDenied")

    @pytest.mark.parametrize("signature", ["0", "", "%C3%A9"])
    def test_a_forged_read_is_refused(self, send, signature):
        """
        No text but the signature is accepted, ASCII or not.
        """
        url = re.sub("X-Amz-Signature=.*", f"X-Amz-Signature={signature}", presigned_read())

        assert send("GET", url, {}) == ("403", "SignatureDoesNotMatch")

    @pytest.mark.parametrize("name", UNSIGNED_HEADERS)
    def test_a_header_of_s3_must_be_signed(self, send, bucket, name):
        """
        The holder of a URL cannot make the object public or give it other properties.
        """
        headers = HEADERS | {name: UNSIGNED_HEADERS[name]}

        assert send("PUT", presigned(), headers, BODY) == ("403", "AccessDenied")
        assert bucket.environ is None

    def test_other_headers_need_no_signature(self, send):
        """
        A client may add headers of HTTP and of tracing.
        """
        headers = {"User-Agent": "a", "Range": "bytes=0-1", "X-Amzn-Trace-Id": "Root=1"}

        assert send("GET", presigned_read(), headers) == ("200", "")

    def test_the_names_of_its_parameters_are_decoded(self, send):
        """
        A percent-encoded name is that parameter: the signature is checked, and a valid one accepted.
        """
        url = presigned().replace("X-Amz-Signature", "X-Amz-Signatur%65")

        assert send("PUT", url, HEADERS, BODY) == ("200", "")
        assert send("PUT", url, HEADERS | {"Content-Type": "text/html"}, BODY) == (
            "403",
            "SignatureDoesNotMatch",
        )

    @pytest.mark.parametrize("name", ["X-Amz-Signature", "X-Amz-Signatur%65", "%58-Amz-Signature"])
    def test_a_signature_alone_is_incomplete(self, send, bucket, name):
        """
        A signature without date, expiry and credential is refused.
        """
        assert send("GET", f"http://localhost:9/toq-listing-medias/a.jpg?{name}=1", {}) == (
            "400",
            "AuthorizationQueryParametersError",
        )
        assert bucket.environ is None


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

    def test_a_header_of_s3_must_be_signed(self, send, bucket):
        """
        A header added after the signature is refused.
        """
        url, headers = self.sign("PUT", {}, BODY)

        assert send("PUT", url, headers | {"x-amz-acl": "public-read"}, BODY) == ("403", "AccessDenied")
        assert bucket.environ is None

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

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PATCH"])
    @pytest.mark.parametrize("path", ["", "toq-listing-medias?list-type=2", "toq-listing-medias/a.jpg"])
    def test_an_anonymous_read_is_refused(self, send, bucket, method, path):
        """
        Without a signature nothing is read or listed; the answer to HEAD has no body.
        """
        code = "" if method == "HEAD" else "AccessDenied"

        assert send(method, f"http://localhost:9/{path}", {}) == ("403", code)
        assert bucket.environ is None

    @pytest.mark.parametrize(
        ("query", "authorization", "refusal"),
        [
            ("?AWSAccessKeyId=nobody&Signature=x&Expires=1", "", ("400", "InvalidRequest")),
            ("?AWSAccessKey%49d=nobody&Signature=x&Expires=1", "", ("400", "InvalidRequest")),
            ("", "AWS nobody:x", ("400", "InvalidRequest")),
            ("", "Bearer x", ("400", "InvalidArgument")),
            ("", "AWS4-HMAC-SHA256 x", ("400", "AuthorizationHeaderMalformed")),
        ],
    )
    def test_another_authorization_is_refused(self, send, bucket, query, authorization, refusal):
        """
        Version 2, a bearer token and a header without a signature read nothing.
        """
        headers = {"Authorization": authorization} if authorization else {}

        assert send("GET", f"http://localhost:9/toq-listing-medias/a.jpg{query}", headers) == refusal
        assert bucket.environ is None

    def test_a_cors_preflight_passes(self, send):
        """
        A CORS preflight has no signature; the bucket answers it.
        """
        assert (
            send("OPTIONS", "http://localhost:9/toq-listing-medias/a.jpg", {"Origin": "https://a"})[0]
            == "200"
        )

    def test_a_cors_preflight_of_a_presigned_url_passes(self, send):
        """
        The signature in the URL is that of the PUT that follows.
        """
        assert send("OPTIONS", presigned(), {"Origin": "https://a"}) == ("200", "")


@pytest.mark.stack
class TestStack:
    def test_only_the_health_of_the_stack_is_open(self, modelled_stack):
        """
        The health endpoint needs no signature, the list of the buckets and an object do.
        """
        paths = ("/healthz", "/", "/toq-listing-medias?list-type=2", "/toq-listing-medias/a.jpg")
        statuses = [httpx.get(modelled_stack.s3_url + path).status_code for path in paths]

        assert statuses == [200, 403, 403, 403]
