"""The objects of the model in the words of the auditor."""

from harness.audit.ledger import AuditedAsset, AuditedBatch, AuditedJob
from harness.service.core.model.asset import Asset
from harness.service.core.model.batch import Batch
from harness.service.core.model.job import Job


def audited_batch(batch: Batch, *, accepted: bool = False, is_open: bool = False) -> AuditedBatch:
    """Return a batch; *accepted*: a client got 202 for it, even if the row of the batch disagrees."""
    return AuditedBatch(
        id=batch.id,
        listing_id=batch.listing_id,
        family=batch.family.value,
        status=batch.status.value,
        accepted=accepted or batch.received_at is not None,
        is_deleted=batch.deleted_at is not None,
        uploads=tuple(upload.key for upload in batch.uploads),
        is_open=is_open,
    )


def audited_job(job: Job, *, ends: int | None, messages: int | None) -> AuditedJob:
    """Return a job."""
    return AuditedJob(job.id, job.batch_id, job.status.value, error_code(job), ends, messages)


def audited_asset(asset: Asset) -> AuditedAsset:
    """Return an asset with the keys of all its derived objects."""
    keys = [asset.processed_key, asset.thumbnail_key, *asset.variants.values()]
    made = tuple(dict.fromkeys(key for key in keys if key))
    return AuditedAsset(asset.batch_id, asset.asset_type.value, asset.source_key, asset.processed_key, made)


def error_code(job: Job) -> str | None:
    """Return why a job failed."""
    error = (job.output_payload or {}).get("error")
    return str(error["code"]) if isinstance(error, dict) else None
