"""The media bucket as the Lambda handlers use it: objects are streamed, and errors of S3 translated."""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, TypedDict

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.service.adapters.opentelemetry.function_tracing import traced_calls
from harness.service.aws_clients import CONNECTION_ERRORS, is_transient
from harness.service.core.errors import Retryable
from harness.service.pipeline.lambda_handler import required

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CHUNK_BYTES = 1024 * 1024


class _Encryption(TypedDict):
    ServerSideEncryption: Literal["aws:kms"]
    SSEKMSKeyId: str


class NoSuchObject(LookupError):
    """There is no object under this key."""


class WrongSize(ValueError):
    """The size of the stored object differs from the announced size."""


@dataclass(frozen=True, slots=True)
class MediaObjects:
    """
    The objects of one bucket, encrypted with one key.

    Every method raises ``Retryable`` if S3 times out, throttles or is down, and `NoSuchObject` if there is no
    object to read.
    """

    client: "S3Client"
    bucket: str
    kms_key: str

    @property
    def encryption(self) -> "_Encryption":
        """The parameters of every request that creates an object."""
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key}

    def fetch(self, key: str, into: IO[bytes], *, expected_bytes: int | None = None) -> str:
        """
        Stream an object into a file, rewind the file, and return the SHA-256 [hex] of the object.

        Raises:
            WrongSize: The size of the object is not *expected_bytes*; nothing was streamed.
        """
        digest = hashlib.sha256()
        with self.reading(key) as (size, chunks):
            if expected_bytes is not None and size != expected_bytes:
                raise WrongSize(f"it has {size} bytes instead of {expected_bytes}")
            for chunk in chunks:
                digest.update(chunk)
                into.write(chunk)
        into.seek(0)
        return digest.hexdigest()

    @contextmanager
    def reading(self, key: str) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Open an object; yield its size [bytes] and its content in chunks."""
        with storage_errors(key):
            response = self.client.get_object(Bucket=self.bucket, Key=key)
            # The body as a context manager would return the raw socket, whose time-outs are not translated.
            with closing(response["Body"]) as body:
                yield response["ContentLength"], body.iter_chunks(CHUNK_BYTES)

    def size(self, key: str) -> int:
        """Return the size of an object [bytes]."""
        with storage_errors(key):
            return self.client.head_object(Bucket=self.bucket, Key=key)["ContentLength"]

    def put(self, key: str, body: bytes, content_type: str) -> None:
        with storage_errors(key):
            self.client.put_object(
                Bucket=self.bucket, Key=key, Body=body, ContentType=content_type, **self.encryption
            )

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket with its content type, but without its tags."""
        with storage_errors(source):
            self.client.copy_object(
                Bucket=self.bucket,
                Key=target,
                CopySource={"Bucket": self.bucket, "Key": source},
                # The lifecycle rules select objects by tag; the role may not read tags either.
                TaggingDirective="REPLACE",
                **self.encryption,
            )


@functools.cache
def media_objects() -> MediaObjects:
    """Return the bucket of the environment variables, with one client per process, created at cold start."""
    # The handlers check the SHA-256 of the manifest themselves, so boto3 does not need to add a checksum.
    config = Config(
        max_pool_connections=16,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 3},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return MediaObjects(
        client=traced_calls(boto3.session.Session().client("s3", config=config)),
        bucket=required("MEDIA_BUCKET", "the media bucket"),
        kms_key=required("KMS_KEY_ID", "the KMS key that encrypts derived objects"),
    )


@contextmanager
def storage_errors(key: str) -> Iterator[None]:
    """Raise `NoSuchObject` or `Retryable` for the expected errors of S3; other errors are defects."""
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("NoSuchKey", "404"):
            raise NoSuchObject(key) from None
        if is_transient(error):
            raise Retryable(f"STORAGE_UNAVAILABLE: {key}: {code}") from error
        raise
    except CONNECTION_ERRORS as error:
        raise Retryable(f"STORAGE_UNAVAILABLE: {key}: {error}") from error
