"""
The bucket, in S3.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import boto3
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from harness.service.adapters.s3.signing import UrlSigner
from harness.service.core.errors import Unavailable
from harness.service.core.model.checksum import Sha256
from harness.service.core.ports.object_storage import ObjectStorage, SignedUpload, StoredObject

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
HEAD_TTL_S = 60


class S3ObjectStorage(ObjectStorage):
    """
    One bucket, with server-side encryption by one KMS key.

    Args:
        session: Region and credentials; endpoints come from ``AWS_ENDPOINT_URL_S3`` or ``AWS_ENDPOINT_URL``.
        kms_key_id: Key id, ARN or alias, signed into every upload.
        threads: How many callers at once share the connections [count].
    """

    def __init__(self, session: boto3.Session, *, bucket: str, kms_key_id: str, threads: int = 32) -> None:
        self._client = session.client(
            "s3",
            config=Config(
                signature_version="s3v4",
                max_pool_connections=threads,
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
        )
        credentials = session.get_credentials()
        if credentials is None:
            raise ValueError("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        # The client's own, which has its proxies, certificates, time-outs and connections.
        self._http = self._client._endpoint.http_session  # type: ignore[attr-defined]  # no public way to it
        self._bucket = bucket
        self._signer = UrlSigner(self._client, bucket, credentials)
        self._encryption = {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": kms_key_id,
        }

    def sign_upload(self, key: str, *, content_type: str, checksum: Sha256, ttl: int) -> SignedUpload:
        headers = {
            "Content-Type": content_type,
            "x-amz-checksum-sha256": checksum.base64,
            **self._encryption,
        }
        return SignedUpload(self._signer.sign("PUT", key, headers, ttl=ttl), headers)

    def sign_download(self, key: str, *, ttl: int) -> str:
        return self._signer.sign("GET", key, {}, ttl=ttl)

    def head(self, key: str) -> StoredObject | None:
        answer = self._ask_head(key)
        if answer is None:
            return self._head(key)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        return StoredObject(
            key=key,
            bytes=int(answer.headers["content-length"]),
            etag=answer.headers["etag"],
            content_type=answer.headers["content-type"],
            checksum=_whole(answer.headers.get("x-amz-checksum-sha256")),
        )

    def _ask_head(self, key: str) -> AWSResponse | None:
        """
        Return S3's answer when it is a plain one; the rest (retries, errors) is the client's to handle.

        The client takes three times as long for a HEAD, and completing a batch takes one for each file.
        """
        headers = {"x-amz-checksum-mode": "ENABLED"}
        url = self._signer.sign("HEAD", key, headers, ttl=HEAD_TTL_S)
        try:
            answer: AWSResponse = self._http.send(AWSRequest("HEAD", url, headers).prepare())
        except (NoConnection, HTTPClientError):
            return None
        return answer if answer.status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND) else None

    def _head(self, key: str) -> StoredObject | None:
        try:
            with _answering():
                found = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            # HEAD has no body, so a missing object is a bare 404; a missing bucket looks the same.
            if _status(error) == HTTPStatus.NOT_FOUND:
                return None
            raise
        return StoredObject(
            key=key,
            bytes=found["ContentLength"],
            etag=found["ETag"],
            content_type=found["ContentType"],
            checksum=_whole(found.get("ChecksumSHA256")),
        )

    def delete(self, key: str) -> None:
        with _answering():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def ping(self) -> None:
        try:
            with _answering():
                self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            raise Unavailable(f"S3 does not give us bucket {self._bucket}: {error}") from error


def _whole(checksum: str | None) -> Sha256 | None:
    """Return the digest of the object; a multipart upload has one of its parts only (``…-2``)."""
    return Sha256.parse(checksum) if checksum and "-" not in checksum else None


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


@contextmanager
def _answering() -> Iterator[None]:
    """Say `Unavailable` when S3 cannot be reached, is in trouble or throttles."""
    try:
        yield
    except (NoConnection, HTTPClientError) as error:
        raise Unavailable(f"S3 does not answer: {error}") from error
    except ClientError as error:
        if _status(error) >= 500 or error.response["Error"]["Code"] == "SlowDown":
            raise Unavailable(f"S3 is in trouble: {error}") from error
        raise
