"""
Plain requests of objects get the same answers as from moto; other requests go to moto.
"""

import io
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from moto.s3.models import s3_backends

from harness.stack.aws.moto_patches.dispatch import FastDispatcher
from harness.stack.aws.moto_patches.plain_objects import PlainObjects

KEY = "/7/raw/photo/horizontal/b/a0-1-front.jpg"
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 "
    "Credential=test/20261123/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
}
UPLOAD = SIGNED | {
    "Content-Type": "image/jpeg",
    "x-amz-checksum-sha256": "n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=",
    "x-amz-sdk-checksum-algorithm": "SHA256",
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "alias/toq-media-processing",
}
CHECKED = SIGNED | {"x-amz-checksum-mode": "ENABLED"}
QUERY = (
    "X-Amz-Algorithm=a&X-Amz-Credential=c&X-Amz-Date=d"
    "&X-Amz-Expires=1&X-Amz-SignedHeaders=h&X-Amz-Signature=s"
)
VARYING_HEADERS = {"last-modified", "x-amz-version-id", "x-amzn-requestid"}
VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"

numbers = itertools.count()

Answer = tuple[str, dict[str, str]]


def send(
    application: Any,
    method: str,
    path: str,
    headers: Mapping[str, str] = SIGNED,
    body: bytes = b"",
    query: str = "",
    host: str = "127.0.0.1:5000",
) -> Answer:
    """Send a request to a WSGI application; return the status and the headers by lower-case name."""
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "5000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    for name, value in headers.items():
        variable = name.upper().replace("-", "_")
        environ[variable if variable == "CONTENT_TYPE" else f"HTTP_{variable}"] = value
    answers: list[Answer] = []

    def start_response(status: str, pairs: list[tuple[str, str]], *_: Any) -> None:
        answers.append((status, {name.lower(): value for name, value in pairs}))

    b"".join(application(environ, start_response))
    return answers[0]


class CountingApplication:
    """A WSGI application that counts its requests."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.requests = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.requests += 1
        return self._application(environ, start_response)


@pytest.fixture(scope="module")
def moto() -> FastDispatcher:
    return FastDispatcher()


@pytest.fixture
def passed_on(moto: FastDispatcher) -> CountingApplication:
    return CountingApplication(moto)


@pytest.fixture
def quick(passed_on: CountingApplication) -> PlainObjects:
    return PlainObjects(passed_on)


@pytest.fixture
def media(moto: FastDispatcher) -> str:
    """The path of a versioned bucket."""
    path = f"/media-{next(numbers)}"
    send(moto, "PUT", path)
    send(moto, "PUT", path, body=VERSIONING, query="versioning")
    return path


def without_varying(answer: Answer) -> Answer:
    status, headers = answer
    return status, {name: value for name, value in headers.items() if name not in VARYING_HEADERS}


class TestPlain:
    def test_an_upload_is_answered_as_by_moto(self, quick, passed_on, moto, media):
        """
        The headers are the same, except a content type that S3 does not send with an empty body.
        """
        theirs = send(moto, "PUT", media + KEY, UPLOAD, b"test")
        ours = send(quick, "PUT", media + KEY, UPLOAD, b"test")

        assert passed_on.requests == 0
        theirs[1].pop("content-type")
        assert without_varying(ours) == without_varying(theirs)
        assert ours[1]["x-amz-version-id"] != theirs[1]["x-amz-version-id"]

    @pytest.mark.parametrize("headers", [SIGNED, CHECKED])
    def test_a_head_is_answered_as_by_moto(self, quick, passed_on, moto, media, headers):
        """
        Size, type, encryption and version are the same, and the checksum if requested.
        """
        send(quick, "PUT", media + KEY, UPLOAD, b"test")
        ours, theirs = (send(application, "HEAD", media + KEY, headers) for application in (quick, moto))

        assert passed_on.requests == 0
        assert ours[1].pop("x-amzn-requestid") != theirs[1].pop("x-amzn-requestid")
        assert ours == theirs
        assert ours[1]["content-length"] == "4"

    def test_a_signature_in_the_query_is_plain(self, quick, passed_on, media):
        """
        Presigned requests are plain too.
        """
        headers = {name: value for name, value in UPLOAD.items() if name != "Authorization"}
        status, _ = send(quick, "PUT", media + KEY, headers, b"test", query=QUERY)

        assert (status, passed_on.requests) == ("200 OK", 0)

    def test_the_stored_object_is_the_sent_one(self, quick, media):
        """
        moto's back end has the body, the type and the checksum.
        """
        send(quick, "PUT", media + KEY, UPLOAD, b"test")
        stored = s3_backends["123456789012"]["aws"].get_object(media[1:], KEY[1:])

        assert stored.value == b"test"
        assert stored.metadata["content-type"] == "image/jpeg"
        assert stored.checksum_value == UPLOAD["x-amz-checksum-sha256"]


class TestSpecial:
    @pytest.mark.parametrize(
        ("headers", "query", "host"),
        [
            (UPLOAD | {"x-amz-tagging": "media-stage=raw"}, "", "127.0.0.1:5000"),
            (UPLOAD | {"x-amz-meta-who": "me"}, "", "127.0.0.1:5000"),
            (UPLOAD | {"If-None-Match": "*"}, "", "127.0.0.1:5000"),
            (UPLOAD | {"Origin": "https://example.com"}, "", "127.0.0.1:5000"),
            (UPLOAD | {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}, "", "127.0.0.1:5000"),
            (UPLOAD | {"x-amz-sdk-checksum-algorithm": "CRC32"}, "", "127.0.0.1:5000"),
            (UPLOAD, "tagging", "127.0.0.1:5000"),
            (UPLOAD, QUERY + "&X-Amz-Meta-Who=me", "127.0.0.1:5000"),
            (UPLOAD, "", "media.s3.amazonaws.com"),
        ],
    )
    def test_an_upload_with_other_parameters_goes_to_moto(self, media, headers, query, host):
        """
        Tags, metadata, conditions, origins, chunks, other checksums, sub-resources, bucket hosts.
        """
        counting = CountingApplication(lambda _environ, start_response: start_response("299 Moto", []) or [])
        status, _ = send(PlainObjects(counting), "PUT", media + KEY, headers, b"test", query, host)

        assert (status, counting.requests) == ("299 Moto", 1)

    @pytest.mark.parametrize("key", ["/a b.jpg", "/ç.jpg", "/a+b.jpg", "/a/"])
    def test_a_key_with_encoded_characters_goes_to_moto(self, quick, passed_on, media, key):
        """
        A plain key has only characters that no encoding changes.
        """
        send(quick, "PUT", media + key, UPLOAD, b"test")

        assert passed_on.requests == 1

    @pytest.mark.parametrize("path", ["/unknown-bucket" + KEY, KEY])
    def test_a_missing_bucket_or_key_goes_to_moto(self, quick, passed_on, media, path):
        """
        moto answers with status 404.
        """
        where = path if path.startswith("/unknown") else media + path
        status, _ = send(quick, "HEAD", where)

        assert (status, passed_on.requests) == ("404 NOT FOUND", 1)

    def test_a_deleted_object_goes_to_moto(self, quick, passed_on, moto, media):
        """
        A delete marker is not an object.
        """
        send(quick, "PUT", media + KEY, UPLOAD, b"test")
        send(moto, "DELETE", media + KEY)
        status, _ = send(quick, "HEAD", media + KEY)

        assert (status, passed_on.requests) == ("404 NOT FOUND", 1)

    def test_a_request_without_signature_goes_to_moto(self, quick, passed_on, media):
        """
        moto refuses it.
        """
        send(quick, "PUT", media + KEY, UPLOAD, b"test")
        status, _ = send(quick, "HEAD", media + KEY, {})

        assert (status, passed_on.requests) == ("403 FORBIDDEN", 1)

    def test_a_policy_that_denies_is_applied(self, quick, passed_on, moto, media):
        """
        A request that the bucket's policy denies is refused.
        """
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "s3:PutObject",
                    "Resource": f"arn:aws:s3:::{media[1:]}/*",
                }
            ],
        }
        send(moto, "PUT", media, body=json.dumps(policy).encode(), query="policy")
        status, _ = send(quick, "PUT", media + KEY, UPLOAD, b"test")

        assert (status, passed_on.requests) == ("403 FORBIDDEN", 1)
