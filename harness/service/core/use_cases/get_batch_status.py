"""
Use case: how a batch stands.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.service.core.errors import Unavailable
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job
from harness.service.core.model.listing import AccessPolicy, Caller
from harness.service.core.model.media_type import AssetType
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.workflow import Step, Workflow

ZIP_FULL = "ZIP_FULL"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GetBatchStatusRequest:
    listing_id: ListingId
    batch_id: BatchId


@dataclass(frozen=True, slots=True)
class BatchError:
    code: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class Processing:
    """The newest job; ``execution_arn`` and ``steps`` once its run exists."""

    job_id: JobId
    attempt: int
    execution_arn: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class AvailableDownload:
    """``type`` is ``ZIP_FULL`` or a media type of the batch."""

    type: str
    ready: bool


@dataclass(frozen=True, slots=True)
class BatchReport:
    """
    Everything a client may know of a batch.

    Attributes:
        submitted_at: When the files were handed to the pipeline, by completion or the latest retry;
            None while they are still being uploaded.
        started_at: When the pipeline began on them.
        finished_at: When the batch became READY or FAILED.
        processing: None until the upload is completed.
        assets: The uploaded files by sequence, with what was made of them.
    """

    batch_id: BatchId
    status: BatchStatus
    submitted_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    error: BatchError | None
    processing: Processing | None
    available_downloads: tuple[AvailableDownload, ...]
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True)
class GetBatchStatus:
    """
    Report on a batch to those who may see the listing's media.
    """

    media: MediaRepository
    listings: ListingRepository
    workflow: Workflow
    policy: AccessPolicy

    def __call__(self, caller: Caller, request: GetBatchStatusRequest) -> BatchReport:
        """
        Raises:
            ListingNotFound, BatchNotFound: There is no such listing, or no such batch on it.
            NotPhotographer: The caller may not see the listing's media.
            Unavailable: The database does not answer.
        """
        listing = self.listings.get_listing(request.listing_id)
        batch = self.media.get_batch_by_id(request.batch_id)
        batch.must_belong_to(listing.id)
        self.policy.must_see(caller, listing)

        jobs = self.media.list_jobs_by_batch(batch.id)
        stored = self.media.list_assets_by_batch(batch.id)
        return BatchReport(
            batch_id=batch.id,
            status=batch.status,
            submitted_at=batch.received_at,
            started_at=batch.processing_started_at,
            finished_at=batch.processing_finished_at,
            error=BatchError(batch.error_code, batch.error_detail) if batch.error_code else None,
            processing=self._processing(batch, jobs[0]) if jobs else None,
            available_downloads=_available(batch, stored),
            assets=_uploads(batch, stored),
        )

    def _processing(self, batch: Batch, job: Job) -> Processing:
        return Processing(job.id, job.attempt, job.external_id, self._steps(batch, job))

    def _steps(self, batch: Batch, job: Job) -> tuple[Step, ...]:
        if job.external_id is None:
            return ()
        try:
            return tuple(self.workflow.steps(job.external_id))
        except Unavailable as error:
            # Polling clients throttle the engine; where the batch stands they learn all the same.
            log.warning(
                "service.media.get_batch_status.steps_unavailable",
                extra={
                    "listing_id": batch.listing_id,
                    "batch_id": batch.id,
                    "job_id": job.id,
                    "error": str(error),
                },
            )
            return ()


def _uploads(batch: Batch, stored: Sequence[Asset]) -> tuple[Asset, ...]:
    uploaded = tuple(asset for asset in stored if asset.sequence is not None)
    # Assets are stored on completion; until then the manifest says what is expected.
    return uploaded or tuple(
        sorted(
            (Asset.uploaded(batch.id, upload) for upload in batch.uploads), key=lambda it: it.sequence or 0
        )
    )


def _available(batch: Batch, stored: Sequence[Asset]) -> tuple[AvailableDownload, ...]:
    types = dict.fromkeys(upload.file.media_type.value for upload in batch.uploads)
    made = {asset.asset_type.value for asset in stored if asset.processed_key}
    ready = batch.status is BatchStatus.READY
    return (
        AvailableDownload(ZIP_FULL, ready and AssetType.ZIP.value in made),
        *(AvailableDownload(each, ready and each in made) for each in types),
    )
