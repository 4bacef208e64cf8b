"""
What clients get: the shape of each answer, and how it is made from what a use case says.

Times are UTC; what is not known yet is null.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.media_type import AssetType
from harness.service.core.use_cases.complete_upload_batch import AcceptedJob
from harness.service.core.use_cases.create_upload_batch import CreatedBatch, UploadSlot
from harness.service.core.use_cases.get_batch_status import BatchReport
from harness.service.core.use_cases.list_download_urls import DownloadGroup, Downloads, ZipDownload
from harness.service.core.use_cases.retry_media_batch import RetriedJob


class ResponseBody(BaseModel):
    """A JSON object in camelCase, made from the core's dataclasses."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, from_attributes=True, frozen=True
    )


def answer(status: int, body: ResponseBody) -> Response:
    """Return *body* as a response, serialised once."""
    return Response(body.model_dump_json(by_alias=True), status_code=status, media_type="application/json")


class FileSlot(ResponseBody):
    client_id: str
    upload_url: str = Field(description="PUT the file here with exactly these headers.")
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    s3_key: str
    title: str | None
    sequence: int

    @classmethod
    def of(cls, slot: UploadSlot) -> "FileSlot":
        return cls(
            client_id=slot.file.client_id,
            upload_url=slot.signed.url,
            headers=dict(slot.signed.headers),
            s3_key=slot.key,
            title=slot.file.title,
            sequence=slot.file.sequence,
        )


class UploadsCreated(ResponseBody):
    batch_id: str
    upload_url_ttl_seconds: int
    files: list[FileSlot]

    @classmethod
    def of(cls, created: CreatedBatch) -> "UploadsCreated":
        return cls(
            batch_id=created.batch_id,
            upload_url_ttl_seconds=created.upload_ttl,
            files=[FileSlot.of(slot) for slot in created.slots],
        )


class UploadsAccepted(ResponseBody):
    job_id: int
    status: BatchStatus = Field(description="`RECEIVED`: the pipeline has it.")
    estimated_duration_seconds: int

    @classmethod
    def of(cls, accepted: AcceptedJob) -> "UploadsAccepted":
        return cls(
            job_id=accepted.job_id,
            status=accepted.status,
            estimated_duration_seconds=accepted.estimated_duration,
        )


class StepStatus(ResponseBody):
    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None


class ProcessingStatus(ResponseBody):
    """The newest run of the pipeline over the batch."""

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
    media_type: AssetType
    filename: str | None
    content_type: str
    bytes: int
    title: str | None
    sequence: int | None
    s3_key: str
    processed_key: str | None
    thumbnail_key: str | None
    outputs: dict[str, str] = Field(description="Keys of all derived objects, by label.")
    resolution: str | None
    duration_seconds: int | None
    error_code: str | None
    error_message: str | None

    @classmethod
    def of(cls, asset: Asset) -> "AssetStatus":
        return cls(
            client_id=asset.client_id,
            media_type=asset.asset_type,
            filename=asset.filename,
            content_type=asset.content_type,
            bytes=asset.bytes,
            title=asset.title,
            sequence=asset.sequence,
            s3_key=asset.source_key,
            processed_key=asset.processed_key,
            thumbnail_key=asset.thumbnail_key,
            outputs=dict(asset.variants),
            resolution=asset.resolution,
            duration_seconds=asset.duration_seconds,
            error_code=asset.error_code,
            error_message=asset.error_message,
        )


class BatchStatusReport(ResponseBody):
    batch_id: str
    status: BatchStatus
    submitted_at: datetime | None = Field(description="When the upload was completed, or last retried.")
    started_at: datetime | None
    finished_at: datetime | None
    error: BatchErrorStatus | None
    processing: ProcessingStatus | None = Field(description="Null until the upload is completed.")
    available_downloads: list[DownloadStatus]
    assets: list[AssetStatus]

    @classmethod
    def of(cls, report: BatchReport) -> "BatchStatusReport":
        return cls(
            batch_id=report.batch_id,
            status=report.status,
            submitted_at=report.submitted_at,
            started_at=report.started_at,
            finished_at=report.finished_at,
            error=report.error and BatchErrorStatus.model_validate(report.error),
            processing=report.processing and ProcessingStatus.model_validate(report.processing),
            available_downloads=[DownloadStatus.model_validate(each) for each in report.available_downloads],
            assets=[AssetStatus.of(asset) for asset in report.assets],
        )


class BundleDownload(ResponseBody):
    type: Literal["ZIP_FULL"] = "ZIP_FULL"
    url: str
    expires_at: datetime

    @classmethod
    def of(cls, bundle: ZipDownload) -> "BundleDownload":
        return cls(url=bundle.url, expires_at=bundle.expires_at)


class FileDownload(ResponseBody):
    label: str
    preview: str | None = Field(description="URL of the thumbnail.")
    url: str
    resolution: str | None = Field(examples=["1200x800"])
    title: str | None
    sequence: int | None


class GroupDownload(ResponseBody):
    """The files of one media type."""

    type: AssetType
    items: list[FileDownload]

    @classmethod
    def of(cls, group: DownloadGroup) -> "GroupDownload":
        return cls(type=group.type, items=[FileDownload.model_validate(item) for item in group.items])


class DownloadUrls(ResponseBody):
    batch_id: str
    generated_at: datetime
    ttl_seconds: int
    downloads: list[BundleDownload | GroupDownload]

    @classmethod
    def of(cls, found: Downloads) -> "DownloadUrls":
        bundle = [BundleDownload.of(found.zip)] if found.zip else []
        return cls(
            batch_id=found.batch_id,
            generated_at=found.generated_at,
            ttl_seconds=found.ttl,
            downloads=[*bundle, *(GroupDownload.of(group) for group in found.groups)],
        )


class RetryAccepted(ResponseBody):
    job_id: int
    status: BatchStatus = Field(description="`PROCESSING`.")

    @classmethod
    def of(cls, retried: RetriedJob) -> "RetryAccepted":
        return cls(job_id=retried.job_id, status=retried.status)


class CallbackAccepted(ResponseBody):
    """How job and batch stand now; the same whether the callback was news or not."""

    status: Literal["success"] = "success"
    job_id: int
    job_status: str
    batch_id: str
    batch_status: BatchStatus
