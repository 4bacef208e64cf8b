"""The ledger of a rehearsal."""

from collections.abc import Mapping

from harness.audit.ledger import AuditedExecution, AuditedListing, Ledger
from harness.service.audited import audited_asset, audited_batch, audited_job
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.callback import CallbackStatus, ProcessingCallback
from harness.service.core.model.identifiers import BatchId, JobId
from harness.service.core.ports.instruments import BATCHES_FAILED
from harness.service.rehearsal.fault_decisions import FaultDecision, Strike
from harness.service.rehearsal.rehearsed_clients import RehearsedClients
from harness.service.rehearsal.rehearsed_service import RehearsedService
from harness.service.rehearsal.virtual_step_functions import arn_of

EVERYTHING = 10**6
COUNTED = (BatchStatus.PENDING_UPLOAD, BatchStatus.RECEIVED, BatchStatus.READY, BatchStatus.FAILED)
"""The statuses whose counts must be those of the commits; PROCESSING may be passed inside of a commit."""

UNCOUNTED = (Strike.CRASH_BEFORE, Strike.CRASH_AFTER, Strike.LOST_ANSWER)
"""After these a commit may not be counted: counters live in the process that commits."""


def ledger_of(service: RehearsedService, clients: RehearsedClients, taken: list[FaultDecision]) -> Ledger:
    """Return everything that is audited after a rehearsal."""
    observer = service.observer
    batches = service.media.list_recent_batches(include_deleted=True, limit=EVERYTHING)[::-1]
    jobs = [job for batch in batches for job in service.media.list_jobs_by_batch(batch.id)]
    assets = [asset for batch in batches for asset in service.media.list_assets_by_batch(batch.id)]
    return Ledger(
        listings=tuple(
            AuditedListing(number, int(service.listings.get_listing(number).status), development)  # type: ignore[arg-type]
            for number, development in clients.plan.listings
        ),
        batches=tuple(audited_batch(batch, accepted=batch.id in clients.accepted) for batch in batches),
        jobs=tuple(
            audited_job(job, ends=observer.ends[job.id], messages=observer.messages[job.id]) for job in jobs
        ),
        assets=tuple(audited_asset(asset) for asset in assets),
        executions=tuple(_executions(service)),
        objects=frozenset(service.storage.objects),
        unsent=len(service.media.list_outbox(limit=EVERYTHING)) + service.queue.depth(),
        counters=_counters(service),
        uncounted=any(decision.strike in UNCOUNTED for decision in taken),
        noted=tuple(observer.violations),
    )


def _executions(service: RehearsedService) -> list[AuditedExecution]:
    found = []
    for name, execution in service.workflow.executions.items():
        job_id = JobId(int(name.rpartition("-job-")[2]))
        status = str(execution.status or "RUNNING")
        state = service.workflow.finished.get(arn_of(name))
        in_time = job_id in service.observer.finished_before
        found.append(AuditedExecution(name, job_id, status, in_time and _is_whole(job_id, name, state)))
    return found


def _is_whole(job_id: JobId, name: str, state: Mapping[str, object] | None) -> bool:
    if state is None:
        return False
    callback = ProcessingCallback.of_finished_work(job_id, arn_of(name), state)
    return callback.status is CallbackStatus.SUCCEEDED


def _counters(service: RehearsedService) -> dict[str, tuple[float, float]]:
    counted, entered = service.instruments.entered, service.observer.entered
    counters = {
        f"media_batches_created_total{{status={status}}}": (float(counted[status]), float(entered[status]))
        for status in COUNTED
    }
    failed = service.instruments.counts[BATCHES_FAILED]
    return counters | {BATCHES_FAILED: (float(failed), float(entered[BatchStatus.FAILED]))}


def numbered(text: str, numbers: Mapping[BatchId, int]) -> str:
    """Return *text* with the number of each batch in place of its id, which is new in every run."""
    for batch_id, number in numbers.items():
        text = text.replace(batch_id, f"batch-{number}")
    return text
