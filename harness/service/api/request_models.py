"""
The bodies of the requests, and their conversion to the arguments of the use cases.

Types, presence and ranges are checked here; the rules of a manifest are checked in the core.
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
from harness.service.core.model.identifiers import LARGEST_INTEGER, BatchId, ListingId
from harness.service.core.model.manifest import (
    CONTENT_TYPE_LENGTH,
    CONTENT_TYPE_PATTERN,
    LAST_SEQUENCE,
    NAME_LENGTH,
    ManifestFile,
    UploadLimits,
)
from harness.service.core.model.media_type import MediaType, Orientation
from harness.service.core.model.request_reason import REASON_LENGTH
from harness.service.core.use_cases.complete_upload_batch import UploadedFile
from harness.service.core.use_cases.create_upload_batch import REFERENCE_LENGTH

KEY_LENGTH = 512
# NUL ends a text in other programs; SQS refuses a message with U+FFFE or U+FFFF.
FORBIDDEN = r"\x00\uFFFE\uFFFF"
ALLOWED_TEXT = rf"^[^{FORBIDDEN}]*$"
METADATA_ENTRIES = 16
METADATA_NAME_LENGTH = 64
_LIMITS = UploadLimits()


def _media_type(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be text")
    try:
        return MediaType.parse(value)
    except ValueError:
        raise ValueError(f"must be one of {', '.join(MediaType)}") from None


def _whole(value: object) -> object:
    """Return 2 for 2.0: JSON has one type of numbers, and some clients write whole numbers so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _few_entries(value: object) -> object:
    """Refuse too many entries before each is checked, so that the number of errors is limited."""
    if isinstance(value, dict) and len(value) > METADATA_ENTRIES:
        raise ValueError(f"must have at most {METADATA_ENTRIES} entries, not {len(value)}")
    return value


def _checksum(value: object) -> Sha256:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return Sha256.parse(value)


Text = Annotated[str, StringConstraints(pattern=ALLOWED_TEXT, max_length=NAME_LENGTH)]
Name = Annotated[str, StringConstraints(pattern=ALLOWED_TEXT, min_length=1, max_length=NAME_LENGTH)]
Listing = Annotated[ListingId, Field(ge=1, le=LARGEST_INTEGER), BeforeValidator(_whole)]
Bytes = Annotated[
    int,
    Field(
        ge=1,
        le=LARGEST_INTEGER,
        description="Size [bytes].",
        examples=[2048],
        # The manifest is checked in the core, with the name of its file.
        json_schema_extra={"maximum": _LIMITS.file_bytes},
    ),
    BeforeValidator(_whole),
]
# Any text is accepted: a text that is not a UUID gives 404, as an unknown UUID does.
BatchUuid = Annotated[
    BatchId,
    StringConstraints(pattern=ALLOWED_TEXT, min_length=1, max_length=100, to_lower=True),
    Field(examples=["0f6f7f0e-3f0a-4c39-9d4e-1f2b5c0a9d11"]),
]
UploadType = Annotated[
    MediaType,
    BeforeValidator(_media_type),
    Field(description="`project/doc` and `project/render` are accepted for the last two."),
]
Checksum = Annotated[
    Sha256,
    # Not PlainValidator, because it would add the dataclass to the OpenAPI document.
    GetPydanticSchema(lambda _source, _handler: no_info_plain_validator_function(_checksum)),
    WithJsonSchema(
        {
            "type": "string",
            "description": "SHA-256 of the file: `sha256:<hex>`, hex or base64.",
            "pattern": "^(sha256:)?([0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=)$",
            "examples": ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
        }
    ),
]

# Every batch keeps it, and the service loads many batches at once: its size is limited.
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(pattern=ALLOWED_TEXT, max_length=METADATA_NAME_LENGTH)], Text],
    Field(
        max_length=METADATA_ENTRIES,
        description=f"Texts of the client about the file: at most {METADATA_ENTRIES} entries, names of at "
        f"most {METADATA_NAME_LENGTH} and texts of at most {NAME_LENGTH} characters. They are only stored.",
        examples=[{"camera": "X100"}],
    ),
    BeforeValidator(_few_entries),
]

# Some regular expressions have 1C to 1F among the spaces, as Python has, and some do not.
_NOT_BLANK = rf"^[^{FORBIDDEN}]*[^{FORBIDDEN}\s\x1c-\x1f][^{FORBIDDEN}]*$"
Reason = Annotated[
    str,
    StringConstraints(pattern=_NOT_BLANK, strip_whitespace=True, min_length=1, max_length=REASON_LENGTH),
]


class RequestBody(BaseModel):
    """A JSON object in camelCase. Types are not converted; unknown fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True)


class FileToUpload(RequestBody):
    client_id: Name = Field(
        description="The name of the file for the client, unique in the batch.", examples=["front"]
    )
    media_type: UploadType
    orientation: Annotated[Orientation, Field(strict=False)] | None = Field(
        None, description="Orientation of a photo or video; it must match the media type."
    )
    filename: Name = Field(examples=["front door.jpg"])
    content_type: Name = Field(
        examples=["image/jpeg"],
        json_schema_extra={"pattern": CONTENT_TYPE_PATTERN, "maxLength": CONTENT_TYPE_LENGTH},
    )
    bytes: Bytes
    checksum: Checksum
    title: Text | None = None
    sequence: Annotated[
        int,
        Field(ge=1, le=LAST_SEQUENCE, description="Position in the gallery, unique in the batch."),
        BeforeValidator(_whole),
    ]
    metadata: Metadata | None = None

    def to_core(self) -> ManifestFile:
        # The fields have the same names.
        return ManifestFile(**(dict(self) | {"metadata": self.metadata or {}}))


class CreateUploads(RequestBody):
    """A new batch of files of one family: photos and videos, or project files."""

    listing_id: Listing
    batch_reference: Annotated[
        str,
        StringConstraints(
            pattern=ALLOWED_TEXT, strip_whitespace=True, min_length=1, max_length=REFERENCE_LENGTH
        ),
    ] = Field(description="The name of the batch for the client.", examples=["2026-05-04-morning"])
    files: list[FileToUpload] = Field(min_length=1, max_length=_LIMITS.files)
    replaces_batch_id: BatchUuid | None = Field(
        None, description="A batch of the same listing and family: it is deleted once the new one is READY."
    )


class FileUploaded(RequestBody):
    client_id: Name
    s3_key: Annotated[str, StringConstraints(pattern=ALLOWED_TEXT, min_length=1, max_length=KEY_LENGTH)] = (
        Field(description="The key from the response to the creation of the batch.")
    )
    etag: Name = Field(description="The ETag from the response of S3; it is stored but not checked.")
    bytes: Bytes

    def to_core(self) -> UploadedFile:
        return UploadedFile(self.client_id, self.s3_key, self.etag, self.bytes)


class CompleteUploads(RequestBody):
    """The uploaded files: exactly the files of the batch."""

    listing_id: Listing
    batch_id: BatchUuid
    files: list[FileUploaded] = Field(min_length=1, max_length=_LIMITS.files)


class QueryStatus(RequestBody):
    listing_id: Listing
    batch_id: BatchUuid


class QueryDownloads(RequestBody):
    listing_id: Listing
    batch_id: BatchUuid | None = Field(None, description="Default: the newest batch with a successful job.")


class RetryBatch(RequestBody):
    """A retry of a READY or FAILED batch."""

    listing_id: Listing
    batch_id: BatchUuid
    reason: Reason = Field(examples=["The thumbnails are too dark."])


class DeleteBatch(RequestBody):
    """The deletion of a batch that is not in the pipeline."""

    listing_id: Listing
    batch_id: BatchUuid
    reason: Reason = Field(examples=["These are photos of another house."])
