"""
The bucket of the modelled handlers: small objects at a low cost.

A modelled batch of twelve photos stores about fifty small objects and gets the sizes of twelve. An SDK
call takes 2 to 3 ms of CPU in the process that runs all of the local AWS, which made it the bottleneck. A
request signed here takes a fifth of that.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import urllib3

from harness.service.core.errors import Retryable
from harness.service.pipeline.media_objects import MediaObjects, NoSuchObject, media_objects
from harness.stack.aws.s3.aws_signature import DATE_FORMAT, scope, signature

CONNECTIONS = 64
UNSIGNED = "UNSIGNED-PAYLOAD"

_creating = threading.Lock()


@dataclass(frozen=True, slots=True)
class PlaceholderObjects(MediaObjects):
    """`MediaObjects` with cheaper ways to store an object and to get its size."""

    pool: urllib3.HTTPConnectionPool
    host: str
    access_key: str
    secret_key: str
    region: str

    def put(self, key: str, body: bytes, content_type: str) -> None:
        headers = {
            "content-type": content_type,
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": self.kms_key,
        }
        answer = self._request("PUT", key, headers, body)
        if answer.status != HTTPStatus.OK:
            raise Retryable(f"STORAGE_UNAVAILABLE: {key}: {answer.status} {answer.data.decode()[:200]}")

    def size(self, key: str) -> int:
        answer = self._request("HEAD", key, {})
        if answer.status == HTTPStatus.NOT_FOUND:
            raise NoSuchObject(key)
        if answer.status != HTTPStatus.OK:
            raise Retryable(f"STORAGE_UNAVAILABLE: {key}: {answer.status}")
        return int(answer.headers["content-length"])

    def _request(
        self, method: str, key: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> urllib3.BaseHTTPResponse:
        path = quote(f"/{self.bucket}/{key}", safe="/-_.~")
        try:
            return self.pool.urlopen(method, path, body=body, headers=self._signed(method, path, headers))
        except urllib3.exceptions.HTTPError as error:
            raise Retryable(f"STORAGE_UNAVAILABLE: {key}: {error}") from error

    def _signed(self, method: str, path: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request with those of its signature."""
        date = datetime.now(tz=UTC).strftime(DATE_FORMAT)
        own = {"host": self.host, "x-amz-content-sha256": UNSIGNED, "x-amz-date": date}
        headers = dict(sorted({**headers, **own}.items()))
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"{method}\n{path}\n\n{lines}\n{names}\n{UNSIGNED}"
        credential = f"Credential={self.access_key}/{scope(date[:8], self.region, 's3')}"
        signed = signature(self.secret_key, date, self.region, "s3", request)
        authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signed}"
        return headers | {"authorization": authorization}


def placeholder_objects() -> MediaObjects:
    """Return the bucket that the environment names, as `media_objects` does."""
    with _creating:  # the first calls are concurrent, and each would spend a second on making clients
        return _placeholder_objects()


@cache
def _placeholder_objects() -> MediaObjects:
    plain = media_objects()
    credentials = plain.client._request_signer._credentials.get_frozen_credentials()  # type: ignore[attr-defined]  # botocore has no public access to them
    endpoint = plain.client.meta.endpoint_url
    return PlaceholderObjects(
        client=plain.client,
        bucket=plain.bucket,
        kms_key=plain.kms_key,
        pool=urllib3.connection_from_url(endpoint, maxsize=CONNECTIONS, retries=2, timeout=60.0),
        host=urlsplit(endpoint).netloc,
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        region=plain.client.meta.region_name,
    )
