"""
Ten bugs, planted into the core: the rehearsal must find each of them.

Each is a function that patches the service with pytest's monkeypatch.
"""

from dataclasses import replace
from datetime import timedelta

from harness.service.core.model.batch import Batch, BatchStatus
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus
from harness.service.core.use_cases import (
    complete_upload_batch,
    delete_media_batch,
    handle_processing_callback,
    retry_media_batch,
)
from harness.service.core.use_cases.dispatch_jobs import DispatchJobs
from harness.service.core.use_cases.handle_processing_callback import (
    CallbackOutcome,
    HandleProcessingCallback,
)
from harness.service.core.use_cases.reconcile_jobs import ReconcileJobs
from harness.service.rehearsal.rehearsed_service import RehearsedService
from harness.service.rehearsal.virtual_row_locks import VirtualRowLocks


def acknowledge_before_start(patch):
    """The dispatcher deletes a message, and then starts its execution."""
    original = DispatchJobs._dispatch

    def dispatch(self, received):
        self.queue.delete(received)
        return original(self, received)

    patch.setattr(DispatchJobs, "_dispatch", dispatch)


def no_outbox(patch):
    """The message of a job is sent from within the transaction that creates the job."""
    original = RehearsedService._assembled

    def assembled(self, process):
        service = original(self, process)
        service_queue[process] = service.dispatch_jobs.__wrapped__.__self__.queue
        return service

    service_queue = {}

    def enqueue(tx, batch, new_job):
        from harness.service.core.model.job_message import JobMessage

        job = tx.create_job(new_job)
        service_queue[tx.process].send(JobMessage.of(job, batch))
        return job

    patch.setattr(RehearsedService, "_assembled", assembled)
    patch.setattr(complete_upload_batch, "enqueue_job", enqueue)
    patch.setattr(retry_media_batch, "enqueue_job", enqueue)


def no_row_lock(patch):
    """SELECT without FOR UPDATE: nobody waits for a lock of a row that is only read."""
    original = VirtualRowLocks.acquire

    def acquire(self, owner, name):
        if name[0] not in ("batch", "listing"):
            original(self, owner, name)

    patch.setattr(VirtualRowLocks, "acquire", acquire)


def callback_not_idempotent(patch):
    """A callback of a job that has ended is applied again."""
    original = HandleProcessingCallback._apply

    class Reopened:
        """A transaction in which jobs that have ended look as if they ran."""

        def __init__(self, tx):
            self._tx = tx

        def __getattr__(self, name):
            return getattr(self._tx, name)

        def list_jobs_by_batch(self, batch_id):
            jobs = self._tx.list_jobs_by_batch(batch_id)
            return [replace(job, status=JobStatus.RUNNING) if job.status.terminal else job for job in jobs]

    patch.setattr(
        HandleProcessingCallback, "_apply", lambda self, tx, *rest: original(self, Reopened(tx), *rest)
    )


def reconciler_blind_to_pending(patch):
    """The reconciler looks at RUNNING jobs only."""
    original = ReconcileJobs._repair
    patch.setattr(
        ReconcileJobs,
        "_repair",
        lambda self, job: False if job.status is JobStatus.PENDING else original(self, job),
    )


def old_callback_wins(patch):
    """The callback of an older job changes the batch, although a newer job runs."""
    original = HandleProcessingCallback._apply

    def apply(self, tx, callback, batch_id, *rest):
        jobs = tx.list_jobs_by_batch(batch_id)
        if callback.job_id != jobs[0].id and callback.status != "RUNNING":
            batch = tx.get_batch_by_id(batch_id, for_update=True, include_deleted=True)
            if batch.status.in_pipeline:
                now = self.clock.now()
                failure = handle_processing_callback._failure(callback, batch)
                after = handle_processing_callback._transitions(batch, callback, failure, now)[-1]
                tx.update_batch_status(after, expected=batch.status)
                return CallbackOutcome(jobs[0], after, (after.status,), changed=True)
        return original(self, tx, callback, batch_id, *rest)

    patch.setattr(HandleProcessingCallback, "_apply", apply)


def siblings_not_looked_at(patch):
    """A READY batch advances its listing, whatever the other batches do."""

    def advance(tx, policy, listing):
        before = ListingStatus.PENDING_PHOTO_PROCESSING
        ready = tx.list_batches_by_listing(listing.id, statuses=[BatchStatus.READY])
        if any(policy.may_advance(listing, batch.family) for batch in ready):
            tx.advance_listing(listing.id, expected=before, to=ListingStatus.PENDING_OWNER_APPROVAL)

    for module in (handle_processing_callback, delete_media_batch):
        patch.setattr(module, "advance_listing", advance)


def outputs_stored_after_failure(patch):
    """The derived objects of a job that failed replace those of the job that succeeded."""
    original = handle_processing_callback._store_assets

    def store(tx, callback, batch, failure):
        made = {output.raw_key for output in callback.outputs if output.processed_key}
        whole = all(upload.key in made for upload in batch.uploads)
        return original(tx, callback, batch, None if whole else failure)

    def store_what_is_there(tx, callback, batch, failure):
        outputs = {output.raw_key: output for output in callback.outputs if output.processed_key}
        store(tx, callback, batch, failure)
        if failure and outputs:
            assets = {asset.source_key: asset for asset in tx.list_assets_by_batch(batch.id)}
            tx.upsert_assets(batch.id, [assets[key].processed(output) for key, output in outputs.items()])

    patch.setattr(handle_processing_callback, "_store_assets", store_what_is_there)


def delete_in_pipeline(patch):
    """A batch can be deleted while it is processed."""

    def delete(self, *, at, **context):
        return replace(self, deleted_at=at, processing_metadata={"deletion": context})

    patch.setattr(Batch, "delete", delete)


def worker_clock_trusted(patch):
    """The worker measures ages with the clock of its own machine."""
    original = RehearsedService._assembled

    def assembled(self, process):
        if process is not self.worker:
            return original(self, process)
        database, skewed = self.clock, SkewedClock(self.clock, process)
        self.clock = skewed
        try:
            return original(self, process)
        finally:
            self.clock = database

    class SkewedClock:
        def __init__(self, clock, process):
            self._clock, self._process = clock, process

        def now(self):
            return self._clock.now() + timedelta(seconds=self._process.skew)

    patch.setattr(RehearsedService, "_assembled", assembled)


PLANTED_BUGS = (
    acknowledge_before_start,
    no_outbox,
    no_row_lock,
    callback_not_idempotent,
    reconciler_blind_to_pending,
    old_callback_wins,
    siblings_not_looked_at,
    outputs_stored_after_failure,
    delete_in_pipeline,
    worker_clock_trusted,
)
