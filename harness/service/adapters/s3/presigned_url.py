"""
Presigned URLs: the query form of Signature Version 4, with results equal to those of botocore (tested).

A response may have hundreds of URLs. botocore takes a hundred times as long for each, because it computes
anew what the URLs of a second have in common. botocore knows the address of the bucket (path or
virtual-hosted style, partition, endpoint): it signs one sample URL when the signer is created, and all later
URLs have the same form.

Source:
    Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from botocore.credentials import Credentials

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_SAMPLE_KEY = "k"
_ALGORITHM = "AWS4-HMAC-SHA256"


class UrlSigner:
    """Signs the URLs of one bucket; credentials that expire are refreshed before a signature."""

    def __init__(
        self, client: "S3Client", bucket: str, credentials: Credentials, now: Callable[[], datetime]
    ) -> None:
        sample = urlsplit(client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": _SAMPLE_KEY}))
        self._origin = f"{sample.scheme}://{sample.netloc}"
        self._host = sample.netloc
        self._prefix = sample.path.removesuffix(_SAMPLE_KEY)
        self._region = client.meta.region_name
        self._credentials = credentials
        self._now = now

    def sign(self, method: str, key: str, headers: Mapping[str, str], *, ttl: int) -> str:
        """Return a URL for one request for *key* with exactly *headers*, valid for *ttl* seconds."""
        credentials = self._credentials.get_frozen_credentials()
        time = self._now().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{time[:8]}/{self._region}/s3/aws4_request"
        signed = {"host": self._host} | {name.lower(): value.strip() for name, value in headers.items()}
        names = sorted(signed)
        credential = f"{credentials.access_key}/{scope}"
        query, sorted_query = _query(credential, time, ";".join(names), ttl, credentials.token)
        path = self._prefix + quote(key, safe="/-_.~")
        lines = "".join(f"{name}:{signed[name]}\n" for name in names)
        request = f"{method}\n{path}\n{sorted_query}\n{lines}\n{';'.join(names)}\nUNSIGNED-PAYLOAD"
        text = f"{_ALGORITHM}\n{time}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = _hmac(_signing_key(credentials.secret_key, time[:8], self._region), text).hex()
        return f"{self._origin}{path}?{query}&X-Amz-Signature={signature}"


@lru_cache(maxsize=16)
def _query(credential: str, time: str, headers: str, ttl: int, token: str | None) -> tuple[str, str]:
    """Return the query without signature, in botocore's order and sorted; all URLs of a second share it."""
    parameters = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": credential,
        "X-Amz-Date": time,
        "X-Amz-SignedHeaders": headers,
        "X-Amz-Expires": str(ttl),
    } | ({"X-Amz-Security-Token": token} if token else {})
    query = [f"{name}={quote(value, safe='')}" for name, value in parameters.items()]
    return "&".join(query), "&".join(sorted(query))


@lru_cache(maxsize=4)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
