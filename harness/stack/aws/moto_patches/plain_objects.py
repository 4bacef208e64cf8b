"""
Answers plain PUT and HEAD requests of objects from moto's back end, without a web framework.

moto parses and routes every S3 request several times: 2 ms of CPU for a small object, which made its process
a bottleneck. A plain request costs a quarter of that here. A request is not plain if it has another header,
query parameter, key character or bucket setting than those below, or if it fails; then moto answers it.
"""

import re
from collections.abc import Iterable
from secrets import token_hex
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import MissingBucket
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends
from moto.s3.responses import S3Response

from harness.stack.aws.moto_patches.source import expect

Headers = dict[str, Any]

_PATH = re.compile(r"/([a-z0-9.-]+)/([A-Za-z0-9_./~-]*[A-Za-z0-9_~-])")
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost)(:\d+)?")
_SIGNATURE = {
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
}
_KNOWN_HEADERS = {
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_AMZ_SDK_INVOCATION_ID",
    "HTTP_AMZ_SDK_REQUEST",
    "HTTP_AUTHORIZATION",
    "HTTP_CONNECTION",
    "HTTP_CONTENT_LENGTH",
    "HTTP_CONTENT_TYPE",
    "HTTP_EXPECT",
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_X_AMZ_CHECKSUM_MODE",
    "HTTP_X_AMZ_CHECKSUM_SHA256",
    "HTTP_X_AMZ_CONTENT_SHA256",
    "HTTP_X_AMZ_DATE",
    "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM",
    "HTTP_X_AMZ_SECURITY_TOKEN",
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION",
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID",
}


class PlainObjects:
    """WSGI middleware in front of moto's S3 and behind the check of signatures."""

    def __init__(self, application: WSGIApplication) -> None:
        expect(S3Response, "key_response", "0a085550c5d8")
        expect(S3Response, "_key_response", "e1c5ad133c15")
        expect(S3Response, "_key_response_put", "6a972cac9e4c")
        expect(S3Response, "put_object", "de0c341ad71f")
        expect(S3Response, "head_object", "969cefbac46b")
        expect(S3Backend, "put_object", "d5913ba5812e")
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = _answer(environ)
        if answer is None:
            return self._application(environ, start_response)
        answer["Access-Control-Allow-Origin"] = "*"
        answer["x-amzn-requestid"] = token_hex(26).upper()
        start_response("200 OK", [(name, str(value)) for name, value in answer.items()])
        return []


def _answer(environ: WSGIEnvironment) -> Headers | None:
    """Return the headers of a successful answer, None if moto must answer the request."""
    method = environ["REQUEST_METHOD"]
    path = _PATH.fullmatch(environ["PATH_INFO"])
    if method not in ("PUT", "HEAD") or path is None or not _is_plain(environ):
        return None
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    name, key = path.groups()
    try:
        bucket = backend.get_bucket(name)
    except MissingBucket:
        return None
    if bucket.object_lock_enabled or bucket.logging or _denied(bucket, method, key):
        return None
    return _put(backend, bucket, key, environ) if method == "PUT" else _head(bucket, key, environ)


def _is_plain(environ: WSGIEnvironment) -> bool:
    query = environ.get("QUERY_STRING", "")
    return (
        ("HTTP_AUTHORIZATION" in environ or "X-Amz-Signature=" in query)
        and _OWN_HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None
        and not (query and {pair.partition("=")[0] for pair in query.split("&")} - _SIGNATURE)
        and all(name in _KNOWN_HEADERS for name in environ if name.startswith("HTTP_"))
        and not environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-")
    )


def _denied(bucket: FakeBucket, method: str, key: str) -> bool:
    resource = f"arn:{bucket.partition}:s3:::{bucket.name}/{key}"
    return bucket.get_permission(f"s3:{method.capitalize()}Object", resource) == PermissionResult.DENIED


def _put(backend: S3Backend, bucket: FakeBucket, key: str, environ: WSGIEnvironment) -> Headers | None:
    algorithm = environ.get("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", "")
    checksum = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256") if algorithm else None
    if (algorithm and (algorithm != "SHA256" or not checksum)) or not environ.get("CONTENT_LENGTH"):
        return None
    stored = backend.put_object(
        bucket.name,
        key,
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])),
        storage="STANDARD",
        encryption=environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION"),
        kms_key_id=environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID"),
        checksum_value=checksum,
    )
    stored.set_metadata({"Content-Type": kind} if (kind := environ.get("CONTENT_TYPE")) else {})
    stored.set_acl(bucket.acl)
    headers: Headers = {}
    if algorithm:
        stored.checksum_algorithm = algorithm
        headers["x-amz-checksum-sha256"] = checksum
    backend.put_object_tagging(stored, {})
    return headers | stored.response_dict | {"content-length": "0"}


def _head(bucket: FakeBucket, key: str, environ: WSGIEnvironment) -> Headers | None:
    stored = bucket.keys.get(key)
    if not isinstance(stored, FakeKey):
        return None
    stored.advance()
    headers: Headers = {**stored.metadata, **stored.response_dict, "Accept-Ranges": "bytes"}
    if environ.get("HTTP_X_AMZ_CHECKSUM_MODE") == "ENABLED" and stored.checksum_algorithm:
        headers[f"x-amz-checksum-{stored.checksum_algorithm.lower()}"] = stored.checksum_value
    return headers
