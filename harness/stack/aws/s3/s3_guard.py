"""
The checks of S3 that moto lacks: signatures, expiry, digests, encryption keys.

Without them a presigned URL would be valid for ever, with any headers and any body, and anybody could read
every object. The guard is WSGI middleware in front of moto. Every request except a CORS preflight needs a
signature of version 4, in the query or in the ``Authorization`` header.

Source:
    AWS, "Create a signed AWS API request" and "Authenticating Requests: Using Query Parameters".
"""

import base64
import hashlib
import hmac
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import parse_qsl, quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from harness.stack.aws.s3.aws_signature import DATE_FORMAT, signature

EXPIRY_S_MAX = 604_800
CLOCK_SKEW = timedelta(minutes=15)
WRITES = {"PUT", "POST", "DELETE"}
DIGESTS = {
    "HTTP_X_AMZ_CHECKSUM_SHA256": hashlib.sha256,
    "HTTP_X_AMZ_CHECKSUM_SHA1": hashlib.sha1,
    "HTTP_CONTENT_MD5": hashlib.md5,
}
SIGNED_ELSEWHERE = ("UNSIGNED-PAYLOAD", "STREAMING-")
READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """An error answer of S3."""

    status: str
    code: str
    message: str


def denied(message: str, code: str = "AccessDenied") -> Refusal:
    return Refusal("403 Forbidden", code, message)


def bad(message: str, code: str) -> Refusal:
    return Refusal("400 Bad Request", code, message)


class S3Guard:
    """
    Middleware that refuses requests that S3 would refuse.

    Args:
        secrets: Secret access key by access key id.
        key_known: Returns whether a KMS key id, ARN or alias exists.
    """

    def __init__(
        self, application: WSGIApplication, secrets: Mapping[str, str], key_known: Callable[[str], bool]
    ) -> None:
        self._application = application
        self._secrets = secrets
        self._key_known = key_known

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._check(environ)
        except Refusal as refusal:
            _drain(environ)
            return _answer(refusal, environ, start_response)
        return self._application(environ, start_response)

    def _check(self, environ: WSGIEnvironment) -> None:
        if environ["REQUEST_METHOD"] == "OPTIONS":
            return
        query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        if "X-Amz-Signature" in dict(query):
            self._check_presigned(environ, query)
        elif environ.get("HTTP_AUTHORIZATION", "").startswith("AWS4-HMAC-SHA256"):
            self._check_signed(environ, query)
        else:
            raise _unsigned(environ, query)
        if environ["REQUEST_METHOD"] in WRITES:
            key = environ.get("HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID")
            if key and not self._key_known(key):
                raise bad(f"Key '{key}' does not exist", "KMS.NotFoundException")
            _check_digests(environ)

    def _check_presigned(self, environ: WSGIEnvironment, query: list[tuple[str, str]]) -> None:
        given = dict(query)
        try:
            credential = given["X-Amz-Credential"]
            signed_at = _parse_date(given["X-Amz-Date"])
            expires = int(given["X-Amz-Expires"])
            headers = given["X-Amz-SignedHeaders"].split(";")
        except (KeyError, ValueError):
            raise bad(
                "Query-string authentication is incomplete.", "AuthorizationQueryParametersError"
            ) from None
        if not 0 < expires <= EXPIRY_S_MAX:
            raise bad("X-Amz-Expires must be between 1 and 604800.", "AuthorizationQueryParametersError")
        if signed_at - _now() > CLOCK_SKEW:
            raise denied("Request is not valid yet")
        if _now() > signed_at + timedelta(seconds=expires):
            raise denied("Request has expired")
        _check_all_signed(environ, headers)
        rest = [(name, value) for name, value in query if name != "X-Amz-Signature"]
        payload = given.get("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
        request = _canonical_request(environ, rest, headers, payload)
        self._check_signature(request, credential, given["X-Amz-Date"], given["X-Amz-Signature"])

    def _check_signed(self, environ: WSGIEnvironment, query: list[tuple[str, str]]) -> None:
        words = environ["HTTP_AUTHORIZATION"].partition(" ")[2].split(",")
        given = {name.strip(): value for name, _, value in (word.partition("=") for word in words)}
        payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "UNSIGNED-PAYLOAD")
        try:
            date = environ["HTTP_X_AMZ_DATE"]
            signed_at = _parse_date(date)
            credential, signed = given["Credential"], given["Signature"]
            headers = given["SignedHeaders"].split(";")
        except (KeyError, ValueError):
            raise bad("The authorization header is malformed.", "AuthorizationHeaderMalformed") from None
        if abs(_now() - signed_at) > CLOCK_SKEW:
            raise denied("The request time and the current time differ too much.", "RequestTimeTooSkewed")
        _check_all_signed(environ, headers)
        self._check_signature(_canonical_request(environ, query, headers, payload), credential, date, signed)

    def _check_signature(self, request: str, credential: str, date: str, given: str) -> None:
        try:
            access_key, _day, region, service, _ = credential.split("/")
        except ValueError:
            raise bad("The credential is malformed.", "AuthorizationHeaderMalformed") from None
        secret = self._secrets.get(access_key)
        if secret is None:
            raise denied("The AWS Access Key Id you provided does not exist.", "InvalidAccessKeyId")
        ours = signature(secret, date, region, service, request)
        if not hmac.compare_digest(ours.encode(), given.encode()):
            raise denied(
                "The request signature we calculated does not match the signature you provided.",
                "SignatureDoesNotMatch",
            )


def _unsigned(environ: WSGIEnvironment, query: list[tuple[str, str]]) -> Refusal:
    """Return the refusal of a request without a signature of version 4."""
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    is_version_2 = "AWSAccessKeyId" in dict(query)
    if is_version_2 or authorization.startswith("AWS "):
        message = (
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
        )
        return bad(message, "InvalidRequest")
    if authorization:
        return bad("Unsupported Authorization Type", "InvalidArgument")
    return denied("Access Denied")


def _check_all_signed(environ: WSGIEnvironment, headers: list[str]) -> None:
    signed = {_variable(header) for header in headers}
    if any(name.startswith("HTTP_X_AMZ_") and name not in signed for name in environ):
        raise denied("There were headers present in the request which were not signed")


def _check_digests(environ: WSGIEnvironment) -> None:
    wanted = {name: environ[name] for name in DIGESTS if environ.get(name)}
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "UNSIGNED-PAYLOAD")
    if not wanted and payload.startswith(SIGNED_ELSEWHERE):
        return
    body = environ["wsgi.input"].read(_length(environ))
    environ["wsgi.input"] = io.BytesIO(body)
    for name, digest in wanted.items():
        if base64.b64encode(DIGESTS[name](body).digest()).decode() != digest:
            raise bad("The checksum you specified did not match what we received.", "BadDigest")
    if not payload.startswith(SIGNED_ELSEWHERE) and hashlib.sha256(body).hexdigest() != payload:
        raise bad("The provided x-amz-content-sha256 does not match.", "XAmzContentSHA256Mismatch")
    if "HTTP_X_AMZ_CHECKSUM_SHA256" in wanted:
        # moto keeps a checksum, for HEAD with ChecksumMode, only if the SDK's header names the algorithm.
        environ.setdefault("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", "SHA256")


def _canonical_request(
    environ: WSGIEnvironment, query: list[tuple[str, str]], headers: list[str], payload: str
) -> str:
    lines = []
    for header in headers:
        value = _header(environ, header)
        if value is None:
            raise denied(f"There were headers present in the signature which were not sent: {header}")
        lines.append(f"{header}:{' '.join(value.split())}\n")
    encoded = sorted((_quote(name), _quote(value)) for name, value in query)
    return "\n".join(
        [
            environ["REQUEST_METHOD"],
            quote(environ["PATH_INFO"].encode("latin-1"), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in encoded),
            "".join(lines),
            ";".join(headers),
            payload,
        ]
    )


def _header(environ: WSGIEnvironment, name: str) -> str | None:
    value = environ.get(_variable(name))
    return None if value is None else str(value)


def _variable(header: str) -> str:
    """Return the WSGI variable of a header."""
    variable = header.upper().replace("-", "_")
    return variable if header in ("content-type", "content-length") else f"HTTP_{variable}"


def _quote(text: str) -> str:
    return quote(text, safe="-_.~")


@lru_cache(maxsize=1024)
def _parse_date(text: str) -> datetime:
    return datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _length(environ: WSGIEnvironment) -> int:
    return int(environ.get("CONTENT_LENGTH") or 0)


def _drain(environ: WSGIEnvironment) -> None:
    # The connection stays open: the rest of the body would be read as the next request.
    left = _length(environ)
    while left > 0 and (block := environ["wsgi.input"].read(min(left, READ_BYTES))):
        left -= len(block)


def _answer(refusal: Refusal, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error>"
    ).encode()
    headers = [
        ("Content-Type", "application/xml"),
        ("Content-Length", str(len(body))),
        ("Access-Control-Allow-Origin", environ.get("HTTP_ORIGIN", "*")),
    ]
    start_response(refusal.status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
