"""Use case: report the status of a batch."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.service.core.errors import Unavailable
from harness.service.core.model.access_policy import AccessPolicy, Caller
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job import Job, StepProgress
from harness.service.core.model.media_type import AssetType
from harness.service.core.ports.listing_repository import ListingRepository
from harness.service.core.ports.media_repository import MediaRepository
from harness.service.core.ports.workflow import Step, Workflow

ZIP_FULL = "ZIP_FULL"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Processing:
    """The newest job; ``execution_arn`` and ``steps`` are set once its execution exists."""

    job_id: JobId
    execution_arn: str | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class AvailableDownload:
    """``type`` is ``ZIP_FULL`` or a media type of the batch."""

    type: str
    ready: bool


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The status of a batch, its newest job, and its files by sequence with their derived objects."""

    batch: Batch
    processing: Processing | None
    available_downloads: tuple[AvailableDownload, ...]
    assets: tuple[Asset, ...]


@dataclass(frozen=True, slots=True)
class GetBatchStatus:
    """Return the report of a batch, if the caller may see the media of the listing."""

    media: MediaRepository
    listings: ListingRepository
    workflow: Workflow
    policy: AccessPolicy

    def __call__(self, caller: Caller, listing_id: ListingId, batch_id: BatchId) -> BatchReport:
        """
        Return the report.

        Raises:
            ListingNotFound, BatchNotFound: The listing does not exist or has no such batch.
            NotPhotographer: The caller may not see the media of the listing.
            Unavailable: The database does not answer.
        """
        listing = self.listings.get_listing(listing_id)
        batch = self.media.get_batch_by_id(batch_id)
        batch.must_belong_to(listing.id)
        self.policy.must_see(caller, listing)

        jobs = self.media.list_jobs_by_batch(batch.id)
        stored = self.media.list_assets_by_batch(batch.id)
        processing = None
        if jobs:
            newest = jobs[0]
            processing = Processing(newest.id, newest.external_id, self._steps(batch, newest))
        return BatchReport(batch, processing, _available(batch, stored), _uploads(batch, stored))

    def _steps(self, batch: Batch, job: Job) -> tuple[Step, ...]:
        if job.external_id is None:
            return ()
        try:
            return _with_progress(self.workflow.steps(job.external_id), job.steps)
        except Unavailable as error:
            # Polling clients can cause throttling; the rest of the report does not need the workflow service.
            fields = batch.log_fields | {"job_id": job.id, "error": str(error)}
            log.warning("service.media.get_batch_status.steps_unavailable", extra=fields)
            return _with_progress((), job.steps)


def _with_progress(steps: Sequence[Step], reported: Sequence[StepProgress]) -> tuple[Step, ...]:
    """Return the states entered, with the progress that has been reported; reports alone if none is known."""
    if not steps:
        return tuple(Step(it.name, it.status, None, None, it.item, it.progress) for it in reported)
    progress = {(it.name, it.item): it.progress for it in reported}
    return tuple(
        replace(step, progress=progress.get((step.name, step.item))) if step.status == "RUNNING" else step
        for step in steps
    )


def _uploads(batch: Batch, stored: Sequence[Asset]) -> tuple[Asset, ...]:
    uploaded = tuple(asset for asset in stored if asset.sequence is not None)
    # Assets are stored on completion; before that, the manifest lists the expected files.
    expected = sorted(batch.uploads, key=lambda upload: upload.file.sequence)
    return uploaded or tuple(Asset.uploaded(batch.id, upload) for upload in expected)


def _available(batch: Batch, stored: Sequence[Asset]) -> tuple[AvailableDownload, ...]:
    types = dict.fromkeys(upload.file.media_type.value for upload in batch.uploads)
    # Only a job that succeeded stores derived objects; they stay until a newer job succeeds.
    made = {asset.asset_type.value for asset in stored if asset.processed_key}
    return (
        AvailableDownload(ZIP_FULL, AssetType.ZIP.value in made),
        *(AvailableDownload(each, each in made) for each in types),
    )
