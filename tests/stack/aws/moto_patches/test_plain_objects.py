"""
Plain requests on objects get from the quick way what they get from moto; the others go to moto.
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
OF_THE_MOMENT = {"last-modified", "x-amz-version-id", "x-amzn-requestid"}
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
    """Ask a WSGI application; return the status and the headers by lower-case name."""
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
    told: list[Answer] = []

    def start_response(status: str, pairs: list[tuple[str, str]], *_: Any) -> None:
        told.append((status, {name.lower(): value for name, value in pairs}))

    b"".join(application(environ, start_response))
    return told[0]


class Aside:
    """A WSGI application that counts what is passed on to it."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self.asked = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        self.asked += 1
        return self._application(environ, start_response)


@pytest.fixture(scope="module")
def moto() -> FastDispatcher:
    return FastDispatcher()


@pytest.fixture
def aside(moto: FastDispatcher) -> Aside:
    return Aside(moto)


@pytest.fixture
def quick(aside: Aside) -> PlainObjects:
    return PlainObjects(aside)


@pytest.fixture
def media(moto: FastDispatcher) -> str:
    """The path of a bucket like ours: versioned."""
    path = f"/media-{next(numbers)}"
    send(moto, "PUT", path)
    send(moto, "PUT", path, body=VERSIONING, query="versioning")
    return path


def lasting(answer: Answer) -> Answer:
    status, headers = answer
    return status, {name: value for name, value in headers.items() if name not in OF_THE_MOMENT}


class TestPlain:
    def test_an_upload_is_answered_as_by_moto(self, quick, aside, moto, media):
        """
        The same headers, but for a content type that S3 does not send for an empty body.
        """
        theirs = send(moto, "PUT", media + KEY, UPLOAD, b"test")
        ours = send(quick, "PUT", media + KEY, UPLOAD, b"test")

        assert aside.asked == 0
        theirs[1].pop("content-type")
        assert lasting(ours) == lasting(theirs)
        assert ours[1]["x-amz-version-id"] != theirs[1]["x-amz-version-id"]

    @pytest.mark.parametrize("headers", [SIGNED, CHECKED])
    def test_a_head_is_answered_as_by_moto(self, quick, aside, moto, media, headers):
        """
        Size, type, checksum if asked for, encryption and version of what either of them stored.
        """
        send(quick, "PUT", media + KEY, UPLOAD, b"test")
        ours, theirs = (send(application, "HEAD", media + KEY, headers) for application in (quick, moto))

        assert aside.asked == 0
        assert ours[1].pop("x-amzn-requestid") != theirs[1].pop("x-amzn-requestid")
        assert ours == theirs
        assert ours[1]["content-length"] == "4"

    def test_a_signature_in_the_query_is_as_good(self, quick, aside, media):
        """
        Presigned requests are plain too.
        """
        headers = {name: value for name, value in UPLOAD.items() if name != "Authorization"}
        status, _ = send(quick, "PUT", media + KEY, headers, b"test", query=QUERY)

        assert (status, aside.asked) == ("200 OK", 0)

    def test_what_was_stored_is_what_was_sent(self, quick, media):
        """
        Moto's own store has the body, the type and the checksum.
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
    def test_an_upload_with_more_to_it_is_motos(self, media, headers, query, host):
        """
        Tags, metadata, conditions, origins, chunks, other checksums, sub-resources, bucket hosts.
        """
        asked = Aside(lambda _environ, start_response: start_response("299 Moto", []) or [])
        status, _ = send(PlainObjects(asked), "PUT", media + KEY, headers, b"test", query, host)

        assert (status, asked.asked) == ("299 Moto", 1)

    @pytest.mark.parametrize("key", ["/a b.jpg", "/ç.jpg", "/a+b.jpg", "/a/"])
    def test_a_key_that_may_be_read_in_two_ways_is_motos(self, quick, aside, media, key):
        """
        Only characters that no encoding changes are taken.
        """
        send(quick, "PUT", media + key, UPLOAD, b"test")

        assert aside.asked == 1

    @pytest.mark.parametrize("path", ["/nobody-has-this" + KEY, KEY])
    def test_what_is_not_there_is_motos_to_say(self, quick, aside, media, path):
        """
        An unknown bucket, an unknown key.
        """
        where = path if path.startswith("/nobody") else media + path
        status, _ = send(quick, "HEAD", where)

        assert (status, aside.asked) == ("404 NOT FOUND", 1)

    def test_a_deleted_object_is_motos(self, quick, aside, moto, media):
        """
        A delete marker is no object.
        """
        send(quick, "PUT", media + KEY, UPLOAD, b"test")
        send(moto, "DELETE", media + KEY)
        status, _ = send(quick, "HEAD", media + KEY)

        assert (status, aside.asked) == ("404 NOT FOUND", 1)

    def test_strangers_are_motos(self, quick, aside, media):
        """
        Who signs nothing may not look.
        """
        send(quick, "PUT", media + KEY, UPLOAD, b"test")
        status, _ = send(quick, "HEAD", media + KEY, {})

        assert (status, aside.asked) == ("403 FORBIDDEN", 1)

    def test_a_policy_that_denies_is_obeyed(self, quick, aside, moto, media):
        """
        What the bucket's policy denies everybody is refused.
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

        assert (status, aside.asked) == ("403 FORBIDDEN", 1)
