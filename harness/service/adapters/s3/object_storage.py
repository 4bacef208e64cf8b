"""The media bucket in S3."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

import boto3
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ClientError

from harness.service.adapters.s3.presigned_url import UrlSigner
from harness.service.aws_clients import CONNECTION_ERRORS, client_config, error_status, unavailable_errors
from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import MediaStage
from harness.service.core.model.checksum import Sha256
from harness.service.core.ports.object_storage import ObjectStorage, SignedUpload, StoredObject

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import TaggingTypeDef

HEAD_TTL_S = 60
_FORBIDDEN = "check the clock of this machine and the permissions of its role"
STAGE_TAG = "media-stage"


class S3ObjectStorage(ObjectStorage):
    """
    One bucket.

    Args:
        kms_key_id: An id, ARN or alias; it is signed into every upload.
        now: Dates the URLs; S3 refuses a URL with the date of a machine that is minutes fast.
    """

    def __init__(
        self,
        session: boto3.Session,
        *,
        bucket: str,
        kms_key_id: str,
        threads: int = 32,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = session.client("s3", config=client_config(threads=threads, signature_version="s3v4"))
        credentials = session.get_credentials()
        if credentials is None:
            raise ValueError("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        # The HTTP session of the client, with its proxies, certificates, time-outs and connections.
        self._http = self._client._endpoint.http_session  # type: ignore[attr-defined]  # not public
        self._bucket = bucket
        self._signer = UrlSigner(self._client, bucket, credentials, now)
        self._encryption = {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": kms_key_id,
        }

    def sign_upload(self, key: str, *, content_type: str, checksum: Sha256, ttl: int) -> SignedUpload:
        headers = {"Content-Type": content_type, "x-amz-checksum-sha256": checksum.base64, **self._encryption}
        return SignedUpload(self._signer.sign("PUT", key, headers, ttl=ttl), headers)

    def sign_download(self, key: str, *, ttl: int) -> str:
        return self._signer.sign("GET", key, {}, ttl=ttl)

    def head(self, key: str) -> StoredObject | None:
        response = self._signed_head(key)
        if response is None:
            return self._client_head(key)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        headers = response.headers
        size, checksum = int(headers["content-length"]), headers.get("x-amz-checksum-sha256")
        return StoredObject(key, size, headers["etag"], headers["content-type"], _object_checksum(checksum))

    def _signed_head(self, key: str) -> AWSResponse | None:
        """
        Return the response 200 or 404 to a HEAD with a presigned URL, None in all other cases.

        The client takes three times as long for a HEAD, and the completion of a batch needs one per file.
        The caller uses the client in the other cases, because it retries and raises errors.
        """
        headers = {"x-amz-checksum-mode": "ENABLED"}
        url = self._signer.sign("HEAD", key, headers, ttl=HEAD_TTL_S)
        try:
            response: AWSResponse = self._http.send(AWSRequest("HEAD", url, headers).prepare())
        except CONNECTION_ERRORS:
            return None
        return response if response.status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND) else None

    def _client_head(self, key: str) -> StoredObject | None:
        try:
            with unavailable_errors("S3"):
                found = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            # The response to a HEAD has no body, so a missing bucket looks like a missing object.
            if error_status(error) == HTTPStatus.NOT_FOUND:
                return None
            if error_status(error) == HTTPStatus.FORBIDDEN:
                raise Unavailable(f"S3 refuses HEAD {key}: {_FORBIDDEN}.") from error
            raise
        size, checksum = found["ContentLength"], found.get("ChecksumSHA256")
        return StoredObject(key, size, found["ETag"], found["ContentType"], _object_checksum(checksum))

    def list_keys(self, prefix: str) -> list[str]:
        with unavailable_errors("S3"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def tag(self, key: str, stage: MediaStage) -> bool:
        tags: TaggingTypeDef = {"TagSet": [{"Key": STAGE_TAG, "Value": stage.value}]}
        try:
            with unavailable_errors("S3"):
                self._client.put_object_tagging(Bucket=self._bucket, Key=key, Tagging=tags)
        except ClientError as error:
            # The second code: the newest version of the object is a delete marker.
            if error.response["Error"]["Code"] in ("NoSuchKey", "MethodNotAllowed"):
                return False
            raise
        return True

    def delete(self, key: str) -> None:
        with unavailable_errors("S3"):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def ping(self) -> None:
        try:
            with unavailable_errors(f"S3 bucket {self._bucket}"):
                self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            hint = f"; {_FORBIDDEN}" if error_status(error) == HTTPStatus.FORBIDDEN else ""
            raise Unavailable(f"S3 bucket {self._bucket} is not available: {error}{hint}") from error


def _object_checksum(checksum: str | None) -> Sha256 | None:
    # The checksum of a multipart upload (``…-2``) is only the SHA-256 of the checksums of its parts.
    return Sha256.parse(checksum) if checksum and "-" not in checksum else None
