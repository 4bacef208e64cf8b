"""
The check of signatures in front of the local AWS: moto answers anybody.

Every request needs a signature of version 4 with the credentials of the stack, which only the user who
started it can read. S3 has a guard of its own. Unlike AWS, the guard does not refuse old signatures.

Source:
    AWS, "Create a signed AWS API request".
"""

import hashlib
import hmac
import io
from collections.abc import Iterable, Mapping
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from harness.stack.aws.error_answer import error_body
from harness.stack.aws.s3.aws_signature import signature

SCHEME = "AWS4-HMAC-SHA256 "


class RequestGuard:
    """
    WSGI middleware that passes signed requests on and refuses the others.

    Args:
        secrets: Secret access key by access key id.
    """

    def __init__(self, application: WSGIApplication, secrets: Mapping[str, str]) -> None:
        self._application = application
        self._secrets = secrets

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        refusal = self._refusal(environ, body)
        if refusal is None:
            return self._application(environ | {"wsgi.input": io.BytesIO(body)}, start_response)
        answer, headers = error_body(environ, *refusal)
        start_response("403 Forbidden", headers)
        return [answer]

    def _refusal(self, environ: WSGIEnvironment, body: bytes) -> tuple[str, str] | None:
        """Return code and message for a request whose signature is missing or wrong; None if it is right."""
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        if not authorization.startswith(SCHEME):
            return "MissingAuthenticationTokenException", "The request has no signature of version 4."
        words = (word.partition("=") for word in authorization.removeprefix(SCHEME).split(","))
        given = {name.strip(): value for name, _, value in words}
        try:
            access_key, _day, region, service, _ = given["Credential"].split("/")
            signed, headers = given["Signature"], given["SignedHeaders"].split(";")
            request = _canonical_request(environ, headers, body)
            date = environ["HTTP_X_AMZ_DATE"]
        except (KeyError, ValueError):
            return "IncompleteSignatureException", "The authorization header is malformed."
        secret = self._secrets.get(access_key)
        ours = signature(secret or "", date, region, service, request)
        if secret is None or not hmac.compare_digest(ours.encode(), signed.encode()):
            return "InvalidSignatureException", (
                "The signature is not that of the stack's credentials: `harness up` prints them."
            )
        return None


def _canonical_request(environ: WSGIEnvironment, headers: list[str], body: bytes) -> str:
    path, _, query = environ["REQUEST_URI"].partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256") or hashlib.sha256(body).hexdigest()
    return "\n".join(
        [
            environ["REQUEST_METHOD"],
            quote(path, safe="/-_.~"),  # the path is encoded already, and AWS encodes it once more
            "&".join(sorted(f"{name}={value}" for name, _, value in pairs)),
            "".join(f"{header}:{' '.join(_value(environ, header).split())}\n" for header in headers),
            ";".join(headers),
            payload,
        ]
    )


def _value(environ: WSGIEnvironment, header: str) -> str:
    variable = header.upper().replace("-", "_")
    bare = variable in ("CONTENT_TYPE", "CONTENT_LENGTH")
    return str(environ[variable if bare else f"HTTP_{variable}"])
