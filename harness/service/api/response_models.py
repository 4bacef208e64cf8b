"""
The bodies of the successful responses. Each is created from the result of a use case.

Times are UTC; a value that is not known yet is null.
"""

from datetime import datetime
from typing import Literal

from pydantic import AliasGenerator, AliasPath, BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.media_type import AssetType

URI: dict[str, JsonValue] = {"format": "uri"}


class ResponseBody(BaseModel):
    """A JSON object in camelCase, created from the attributes of an object of the core."""

    model_config = ConfigDict(
        alias_generator=AliasGenerator(serialization_alias=to_camel), from_attributes=True, frozen=True
    )


def answer(status: int, model: type[ResponseBody], result: object) -> Response:
    """Return the response with *result* as the body *model*."""
    body = model.model_validate(result).model_dump_json(by_alias=True)
    return Response(body, status_code=status, media_type="application/json")


class FileSlot(ResponseBody):
    client_id: str = Field(validation_alias=AliasPath("file", "client_id"))
    upload_url: str = Field(
        validation_alias=AliasPath("signed", "url"),
        json_schema_extra=URI,
        description="PUT the file to this URL with exactly these headers.",
    )
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str] = Field(validation_alias=AliasPath("signed", "headers"))
    s3_key: str = Field(validation_alias="key")
    title: str | None = Field(validation_alias=AliasPath("file", "title"))
    sequence: int = Field(validation_alias=AliasPath("file", "sequence"))


class UploadsCreated(ResponseBody):
    batch_id: str
    upload_url_ttl_seconds: int = Field(validation_alias="upload_ttl")
    files: list[FileSlot] = Field(validation_alias="slots")


class UploadsAccepted(ResponseBody):
    job_id: int
    status: BatchStatus = Field(description="`RECEIVED`: the batch is in the pipeline.")
    estimated_duration_seconds: int = Field(validation_alias="estimated_duration")


class StepStatus(ResponseBody):
    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    progress: float | None = Field(
        description="Completed part (0 to 1) of a running transcoding job that has reported it, else null."
    )


class ProcessingStatus(ResponseBody):
    """The newest job of the batch."""

    job_id: int
    execution_arn: str | None
    steps: list[StepStatus]


class BatchErrorStatus(ResponseBody):
    code: str
    detail: str | None


class DownloadStatus(ResponseBody):
    type: str
    ready: bool


class AssetStatus(ResponseBody):
    client_id: str | None
    media_type: AssetType = Field(validation_alias="asset_type")
    filename: str | None
    content_type: str
    bytes: int
    title: str | None
    sequence: int | None
    s3_key: str = Field(validation_alias="source_key")
    processed_key: str | None
    thumbnail_key: str | None
    outputs: dict[str, str] = Field(
        validation_alias="variants", description="Keys of all derived objects, by label."
    )
    resolution: str | None
    duration_seconds: int | None
    error_code: str | None
    error_message: str | None


class BatchStatusReport(ResponseBody):
    batch_id: str = Field(validation_alias=AliasPath("batch", "id"))
    status: BatchStatus = Field(validation_alias=AliasPath("batch", "status"))
    submitted_at: datetime | None = Field(
        validation_alias=AliasPath("batch", "received_at"),
        description="When the batch entered the pipeline, by completion or by its last retry.",
    )
    started_at: datetime | None = Field(validation_alias=AliasPath("batch", "processing_started_at"))
    finished_at: datetime | None = Field(validation_alias=AliasPath("batch", "processing_finished_at"))
    error: BatchErrorStatus | None = Field(validation_alias=AliasPath("batch", "failure"))
    processing: ProcessingStatus | None = Field(description="Null until the upload is completed.")
    available_downloads: list[DownloadStatus]
    assets: list[AssetStatus]


class BundleDownload(ResponseBody):
    type: Literal["ZIP_FULL"] = "ZIP_FULL"
    url: str = Field(json_schema_extra=URI)
    expires_at: datetime


class FileRendition(ResponseBody):
    label: str = Field(examples=["medium"])
    url: str = Field(json_schema_extra=URI)
    resolution: str | None = Field(examples=["800x533"])


class FileDownload(ResponseBody):
    label: str
    preview: str | None = Field(description="URL of the thumbnail of a photo, or of the poster of a video.")
    url: str = Field(json_schema_extra=URI)
    resolution: str | None = Field(examples=["1200x800"])
    title: str | None
    sequence: int | None
    renditions: list[FileRendition] = Field(
        description="Every image size of a photo, or every MP4 of a video; HLS is not among them."
    )


class GroupDownload(ResponseBody):
    """The files of one media type."""

    type: AssetType
    items: list[FileDownload]


class DownloadUrls(ResponseBody):
    batch_id: str
    generated_at: datetime
    ttl_seconds: int = Field(validation_alias="ttl")
    downloads: list[BundleDownload | GroupDownload]


class RetryAccepted(ResponseBody):
    job_id: int
    status: BatchStatus = Field(description="`PROCESSING`.")


class BatchDeleted(ResponseBody):
    batch_id: str
    deleted_at: datetime


class CallbackAccepted(ResponseBody):
    """The current status of job and batch, also after a repeated callback."""

    status: Literal["success"] = "success"
    job_id: int = Field(validation_alias=AliasPath("job", "id"))
    job_status: str = Field(validation_alias=AliasPath("job", "status"))
    batch_id: str = Field(validation_alias=AliasPath("batch", "id"))
    batch_status: BatchStatus = Field(validation_alias=AliasPath("batch", "status"))
