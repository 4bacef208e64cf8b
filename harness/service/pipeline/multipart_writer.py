"""
A file that can only be written forwards and becomes one S3 object, whatever its size.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.service.pipeline.objects import MediaObjects, vendor_errors

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 8 * 1024 * 1024
"""S3 takes at most 10 000 parts of at least 5 MiB: parts of 8 MiB make objects of up to 80 GB."""


class MultipartWriter:
    """
    Write an object in parts, holding one part in memory.

    A context manager: leaving it completes the object, leaving it by an exception removes every part
    already sent. Raises ``Retryable`` like ``MediaObjects``.
    """

    def __init__(self, objects: MediaObjects, key: str, content_type: str, part_bytes: int = PART_BYTES):
        self._objects = objects
        self._key = key
        self._content_type = content_type
        self._part_bytes = part_bytes
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[CompletedPartTypeDef] = []
        self.bytes_written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abort()
            return
        try:
            self._complete()
        except BaseException:
            self._abort()
            raise

    def write(self, data: bytes) -> int:
        self._buffer += data
        self.bytes_written += len(data)
        while len(self._buffer) >= self._part_bytes:
            self._send(bytes(memoryview(self._buffer)[: self._part_bytes]))
            del self._buffer[: self._part_bytes]
        return len(data)

    def flush(self) -> None:
        """Do nothing: a part shorter than the others can only be the last."""

    def _send(self, part: bytes) -> None:
        with vendor_errors(self._key):
            number = len(self._parts) + 1
            answer = self._objects.client.upload_part(
                Bucket=self._objects.bucket,
                Key=self._key,
                UploadId=self._begun(),
                PartNumber=number,
                Body=part,
            )
            self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def _begun(self) -> str:
        if self._upload_id is None:
            self._upload_id = self._objects.client.create_multipart_upload(
                Bucket=self._objects.bucket,
                Key=self._key,
                ContentType=self._content_type,
                ServerSideEncryption="aws:kms",
                SSEKMSKeyId=self._objects.kms_key,
            )["UploadId"]
        return self._upload_id

    def _complete(self) -> None:
        if self._upload_id is None:
            self._objects.put(self._key, bytes(self._buffer), self._content_type)
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        with vendor_errors(self._key):
            self._objects.client.complete_multipart_upload(
                Bucket=self._objects.bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )

    def _abort(self) -> None:
        if self._upload_id is None:
            return
        with vendor_errors(self._key):
            self._objects.client.abort_multipart_upload(
                Bucket=self._objects.bucket, Key=self._key, UploadId=self._upload_id
            )
