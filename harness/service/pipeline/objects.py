"""
The bucket, as the handlers see it: objects are streamed, and vendor errors become ours.
"""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as NoConnection

from harness.service.core.errors import Retryable
from harness.service.pipeline.entry import required

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CHUNK_BYTES = 1024 * 1024
_TRANSIENT_CODES = {"RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "RequestTimeTooSkewed"}


class NoSuchObject(LookupError):
    """There is no object under this key."""


class WrongSize(ValueError):
    """The stored object has another size than announced."""


@dataclass(frozen=True, slots=True)
class MediaObjects:
    """
    The objects of one bucket, encrypted with one key.

    Every method raises ``Retryable`` when the bucket times out, throttles or is down.
    """

    client: "S3Client"
    bucket: str
    kms_key: str

    def fetch(self, key: str, into: IO[bytes], *, expected_bytes: int | None = None) -> str:
        """
        Stream an object into a file, rewind it, and return the SHA-256 [hex] of what came.

        Raises:
            NoSuchObject: There is none.
            WrongSize: Its size is not *expected_bytes*; nothing was streamed.
        """
        digest = hashlib.sha256()
        with self.reading(key) as (size, chunks):
            if expected_bytes is not None and size != expected_bytes:
                raise WrongSize(f"{key} has {size} bytes instead of {expected_bytes}")
            for chunk in chunks:
                digest.update(chunk)
                into.write(chunk)
        into.seek(0)
        return digest.hexdigest()

    @contextmanager
    def reading(self, key: str) -> Iterator[tuple[int, Iterator[bytes]]]:
        """
        Open an object; yield its size [bytes] and its content in chunks.

        Raises:
            NoSuchObject: There is none.
        """
        with vendor_errors(key):
            answer = self.client.get_object(Bucket=self.bucket, Key=key)
            # Entering the body itself would give the raw socket, without time-outs translated.
            with closing(answer["Body"]) as body:
                yield answer["ContentLength"], body.iter_chunks(CHUNK_BYTES)

    def size(self, key: str) -> int:
        """
        Return the size of an object [bytes].

        Raises:
            NoSuchObject: There is none.
        """
        with vendor_errors(key):
            return self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"]

    def put(self, key: str, body: bytes, content_type: str) -> None:
        with vendor_errors(key):
            self.client.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=self.kms_key,
            )

    def copy(self, source: str, target: str) -> None:
        """
        Copy an object inside the bucket, with its content type.

        Raises:
            NoSuchObject: There is no *source*.
        """
        with vendor_errors(source):
            self.client.copy_object(
                Bucket=self.bucket,
                Key=target,
                CopySource={"Bucket": self.bucket, "Key": source},
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=self.kms_key,
            )


@functools.cache
def media_objects() -> MediaObjects:
    """Return the bucket the environment names: one client per process, made at cold start."""
    # Whole-object integrity is ours to judge (the manifest's SHA-256), so boto3 need not add its own.
    config = Config(
        max_pool_connections=16,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 3},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return MediaObjects(
        client=boto3.session.Session().client("s3", config=config),
        bucket=required("MEDIA_BUCKET", "the bucket with the media"),
        kms_key=required("KMS_KEY_ID", "the key that encrypts what the pipeline writes"),
    )


@contextmanager
def vendor_errors(key: str) -> Iterator[None]:
    """
    Translate the vendor errors that are expected; the rest is a defect and passes.

    Raises:
        NoSuchObject: There is no object under *key*.
        Retryable: The bucket timed out, throttled, broke off or is down.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code in ("NoSuchKey", "404"):
            raise NoSuchObject(key) from None
        if status >= 500 or status == 429 or code in _TRANSIENT_CODES:
            raise Retryable(f"STORAGE_UNAVAILABLE: {key}: {code}") from error
        raise
    except (NoConnection, HTTPClientError, IncompleteReadError) as error:
        raise Retryable(f"STORAGE_UNAVAILABLE: {key}: {error}") from error
