"""
What clients send: the shape of each request, and how it becomes a question to a use case.

The shape is checked here (types, presence, ranges); the rules of a manifest belong to the core.
"""

from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core.core_schema import no_info_plain_validator_function

from harness.service.core.model.checksum import Sha256
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.model.manifest import LAST_SEQUENCE, NAME_LENGTH, ManifestFile, UploadLimits
from harness.service.core.model.media_type import MediaType, Orientation
from harness.service.core.use_cases.complete_upload_batch import CompleteUploadBatchRequest, UploadedFile
from harness.service.core.use_cases.create_upload_batch import REFERENCE_LENGTH, CreateUploadBatchRequest
from harness.service.core.use_cases.get_batch_status import GetBatchStatusRequest
from harness.service.core.use_cases.list_download_urls import ListDownloadUrlsRequest
from harness.service.core.use_cases.retry_media_batch import REASON_LENGTH, RetryMediaBatchRequest

LAST_ID = 2**63 - 1
KEY_LENGTH = 512
NO_NUL = r"^[^\x00]*$"
_LIMITS = UploadLimits()


def _media_type(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be text")
    try:
        return MediaType.parse(value)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(MediaType)}") from None


def _checksum(value: object) -> Sha256:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return Sha256.parse(value)


Text = Annotated[str, StringConstraints(pattern=NO_NUL)]
Name = Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=NAME_LENGTH)]
Identifier = Annotated[int, Field(ge=1, le=LAST_ID)]
Bytes = Annotated[
    int,
    Field(ge=1, le=LAST_ID, description=f"Size [bytes], at most {_LIMITS.file_bytes}.", examples=[2048]),
]
# Not checked to be a UUID: what cannot exist is not found, like everything else that does not exist.
BatchUuid = Annotated[
    str,
    StringConstraints(pattern=NO_NUL, min_length=1, max_length=100, to_lower=True),
    Field(examples=["0f6f7f0e-3f0a-4c39-9d4e-1f2b5c0a9d11"]),
]
UploadType = Annotated[
    MediaType,
    BeforeValidator(_media_type),
    Field(description="`project/doc` and `project/render` are accepted for the last two."),
]
Checksum = Annotated[
    Sha256,
    # Not PlainValidator: that would document the dataclass besides.
    GetPydanticSchema(lambda _source, _handler: no_info_plain_validator_function(_checksum)),
    WithJsonSchema(
        {
            "type": "string",
            "description": "SHA-256 of the file: `sha256:<hex>`, hex or base64.",
            "examples": ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
        }
    ),
]


class RequestBody(BaseModel):
    """A JSON object in camelCase. Numbers are numbers and text is text; unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True)


class FileToUpload(RequestBody):
    client_id: Name = Field(description="Your name for the file, unique in the batch.", examples=["front"])
    media_type: UploadType
    orientation: Annotated[Orientation, Field(strict=False)] | None = Field(
        None, description="Of photos and videos; must agree with the media type."
    )
    filename: Name = Field(examples=["front door.jpg"])
    content_type: Name = Field(examples=["image/jpeg"])
    bytes: Bytes
    checksum: Checksum
    title: Annotated[str, StringConstraints(pattern=NO_NUL, max_length=NAME_LENGTH)] | None = None
    sequence: int = Field(ge=1, le=LAST_SEQUENCE, description="Place in the gallery, unique in the batch.")
    metadata: dict[Text, Text] | None = None

    def in_core(self) -> ManifestFile:
        return ManifestFile(
            client_id=self.client_id,
            media_type=self.media_type,
            filename=self.filename,
            content_type=self.content_type,
            bytes=self.bytes,
            checksum=self.checksum,
            sequence=self.sequence,
            title=self.title,
            metadata=self.metadata or {},
            orientation=self.orientation,
        )


class CreateUploads(RequestBody):
    """Announce a batch of files. One family per batch: photos and videos, or project files."""

    listing_id: Identifier
    batch_reference: Annotated[
        str,
        StringConstraints(pattern=NO_NUL, strip_whitespace=True, min_length=1, max_length=REFERENCE_LENGTH),
    ] = Field(description="Your name for the batch.", examples=["2026-05-04-morning"])
    files: list[FileToUpload] = Field(min_length=1, max_length=_LIMITS.files)

    def in_core(self) -> CreateUploadBatchRequest:
        return CreateUploadBatchRequest(
            listing_id=ListingId(self.listing_id),
            batch_reference=self.batch_reference,
            files=tuple(file.in_core() for file in self.files),
        )


class FileUploaded(RequestBody):
    client_id: Name
    s3_key: Annotated[str, StringConstraints(pattern=NO_NUL, min_length=1, max_length=KEY_LENGTH)] = Field(
        description="As answered when the batch was created."
    )
    etag: Name = Field(description="As S3 answered; stored, not checked.")
    bytes: Bytes

    def in_core(self) -> UploadedFile:
        return UploadedFile(self.client_id, self.s3_key, self.etag, self.bytes)


class CompleteUploads(RequestBody):
    """All files of the batch are in the bucket: all of them or nothing."""

    listing_id: Identifier
    batch_id: BatchUuid
    files: list[FileUploaded] = Field(min_length=1, max_length=_LIMITS.files)

    def in_core(self, traceparent: str) -> CompleteUploadBatchRequest:
        return CompleteUploadBatchRequest(
            listing_id=ListingId(self.listing_id),
            batch_id=BatchId(self.batch_id),
            files=tuple(file.in_core() for file in self.files),
            traceparent=traceparent,
        )


class QueryStatus(RequestBody):
    listing_id: Identifier
    batch_id: BatchUuid

    def in_core(self) -> GetBatchStatusRequest:
        return GetBatchStatusRequest(ListingId(self.listing_id), BatchId(self.batch_id))


class QueryDownloads(RequestBody):
    listing_id: Identifier
    batch_id: BatchUuid | None = Field(None, description="Absent: the newest READY batch.")

    def in_core(self) -> ListDownloadUrlsRequest:
        batch_id = None if self.batch_id is None else BatchId(self.batch_id)
        return ListDownloadUrlsRequest(ListingId(self.listing_id), batch_id)


class RetryBatch(RequestBody):
    """Run the pipeline again over a batch that has ended."""

    listing_id: Identifier
    batch_id: BatchUuid
    reason: Annotated[
        str,
        StringConstraints(pattern=NO_NUL, strip_whitespace=True, min_length=1, max_length=REASON_LENGTH),
    ] = Field(examples=["The thumbnails came out too dark."])

    def in_core(self, traceparent: str) -> RetryMediaBatchRequest:
        return RetryMediaBatchRequest(
            listing_id=ListingId(self.listing_id),
            batch_id=BatchId(self.batch_id),
            reason=self.reason,
            traceparent=traceparent,
        )
