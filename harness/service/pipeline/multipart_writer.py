"""A writer of one S3 object of any size, without seeking."""

from typing import TYPE_CHECKING, Self

from harness.service.pipeline.media_objects import MediaObjects, storage_errors

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 8 * 1024 * 1024
"""S3 accepts at most 10 000 parts of at least 5 MiB: parts of 8 MiB allow objects of up to 80 GB."""


class MultipartWriter:
    """
    Writer of an object in parts, with one part in memory; it raises ``Retryable`` like `MediaObjects`.

    It is a context manager: its end completes the object, an exception removes all parts already sent.
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

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
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
        """Do nothing: only the last part may be shorter than the others."""

    def _send(self, part: bytes) -> None:
        with storage_errors(self._key):
            number = len(self._parts) + 1
            response = self._objects.client.upload_part(
                Bucket=self._objects.bucket,
                Key=self._key,
                UploadId=self._started(),
                PartNumber=number,
                Body=part,
            )
            self._parts.append({"PartNumber": number, "ETag": response["ETag"]})

    def _started(self) -> str:
        if self._upload_id is None:
            self._upload_id = self._objects.client.create_multipart_upload(
                Bucket=self._objects.bucket,
                Key=self._key,
                ContentType=self._content_type,
                **self._objects.encryption,
            )["UploadId"]
        return self._upload_id

    def _complete(self) -> None:
        if self._upload_id is None:
            self._objects.put(self._key, bytes(self._buffer), self._content_type)
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        with storage_errors(self._key):
            self._objects.client.complete_multipart_upload(
                Bucket=self._objects.bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )

    def _abort(self) -> None:
        if self._upload_id is None:
            return
        with storage_errors(self._key):
            self._objects.client.abort_multipart_upload(
                Bucket=self._objects.bucket, Key=self._key, UploadId=self._upload_id
            )
