"""
Stateful test: with any order of events no batch is lost, and metrics and tables agree.
"""

from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harness.service.core.errors import BatchConflict, MediaError
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.identifiers import ListingId
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus
from harness.service.core.model.media_type import AssetType
from harness.service.core.ports.workflow import ExecutionStatus

READY, FAILED = BatchStatus.READY, BatchStatus.FAILED
ANY = st.integers(min_value=0)
REFERENCES = st.sampled_from(["morning", "noon", "evening"])
LEGAL = {
    "PENDING_UPLOAD": {"RECEIVED", "FAILED"},
    "RECEIVED": {"PROCESSING", "READY", "FAILED"},
    "PROCESSING": {"READY", "FAILED"},
    "READY": {"PROCESSING"},
    "FAILED": {"PROCESSING"},
}


def is_open(batch) -> bool:
    return not (batch.deleted_at or batch.status.terminal)


class ServiceMachine(RuleBasedStateMachine):
    """
    Clients, workers, the pipeline and outages act in random order. Every rule is one call, so the invariants
    check every step.
    """

    new_env = None

    def __init__(self):
        super().__init__()
        self.env = self.new_env()
        self.created = []
        self.seen = {}

    # Clients.

    @rule(reference=REFERENCES)
    def create(self, reference):
        """Create a batch; the listing is set back first if it has advanced."""
        self.env.listings.set_status(ListingId(1), ListingStatus.PENDING_PHOTO_PROCESSING)
        taken = {batch.reference for batch in self.batches() if is_open(batch)}
        try:
            self.created.append(self.env.opened(reference=reference, by=self.env.operator))
        except BatchConflict:
            assert reference in taken
        else:
            assert reference not in taken

    @precondition(lambda self: self.created)
    @rule(pick=ANY)
    def complete(self, pick):
        created = self.created[pick % len(self.created)]
        self.env.upload(created)
        with suppress(MediaError):
            self.env.complete(self.env.operator, **self.env.completion(created))

    @precondition(lambda self: self.created)
    @rule(pick=ANY)
    def retry(self, pick):
        with suppress(MediaError):
            self.env.retried(self.created[pick % len(self.created)].batch_id)

    @precondition(lambda self: self.created)
    @rule(pick=ANY)
    def delete(self, pick):
        with suppress(MediaError):
            self.env.delete(self.created[pick % len(self.created)].batch_id)

    # Workers.

    @rule()
    def flush(self):
        self.env.flush()

    @rule()
    def dispatch(self):
        self.env.dispatch()

    @rule()
    def drain(self):
        self.env.drain()

    @rule()
    def reconcile(self):
        with suppress(ExceptionGroup):  # The workflow may be unavailable.
            self.env.reconcile()

    @rule(seconds=st.sampled_from([1, 130, 360, 1800]))
    def wait(self, seconds):
        self.env.clock.advance(seconds)

    # The pipeline.

    @precondition(lambda self: self.jobs())
    @rule(pick=ANY, status=st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED", "PARTIAL_SUCCESS", "empty"]))
    def callback(self, pick, status):
        """Send a callback for any job, in any order and number."""
        jobs = self.jobs()
        job_id = jobs[pick % len(jobs)].id
        if status == "SUCCEEDED":
            self.env.handle(self.env.success(job_id))
        elif status == "empty":
            self.env.tell(job_id, "SUCCEEDED")
        else:
            self.env.tell(job_id, status)

    @precondition(lambda self: self.env.workflow.inputs)
    @rule(
        pick=ANY,
        status=st.sampled_from(["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]),
        delivered=st.booleans(),
    )
    def end(self, pick, status, delivered):
        """End an execution; its callback arrives or is lost."""
        names = list(self.env.workflow.inputs)
        name = names[pick % len(names)]
        job_id = self.env.workflow.inputs[name]["jobId"]
        self.env.workflow.end(name, ExecutionStatus(status))
        if delivered:
            ended = self.env.success(job_id) if status == "SUCCEEDED" else self.env.failure(job_id)
            self.env.handle(ended)

    # Failures.

    @rule()
    def lose_a_message(self):
        for message in self.env.queue.receive(limit=1):
            self.env.queue.delete(message)

    @rule()
    def deliver_twice(self):
        for job in self.jobs()[:1]:
            self.env.queue.send(self.env.media.get_last_message(job.id).message)

    @rule()
    def receive_without_processing(self):
        self.env.queue.receive(limit=10)

    @rule(port=st.sampled_from(["queue", "workflow"]))
    def outage(self, port):
        """Make the queue or the workflow unavailable while each worker runs once."""
        broken = getattr(self.env, port)
        broken.available = False
        with suppress(MediaError, ExceptionGroup):
            self.env.flush()
            self.env.dispatch()
            self.env.reconcile()
        broken.available = True

    # Invariants.

    def batches(self):
        return self.env.media.list_batches_by_listing(ListingId(1), include_deleted=True, limit=1000)

    def jobs(self):
        return self.env.media.list_jobs_by_status(list(JobStatus), limit=1000)

    @invariant()
    def only_legal_moves_happen(self):
        for batch in self.batches():
            before = self.seen.get(batch.id, batch.status)
            assert batch.status == before or batch.status in LEGAL[before]
            self.seen[batch.id] = batch.status

    @invariant()
    def live_batch_and_its_newest_job_agree(self):
        for batch in self.batches():
            jobs = self.env.media.list_jobs_by_batch(batch.id)
            assert all(job.status.terminal for job in jobs[1:])
            if jobs and not batch.deleted_at:
                assert jobs[0].status.terminal == batch.status.terminal
            if batch.status is READY:
                assert jobs[0].status is JobStatus.SUCCEEDED
            assert bool(jobs) == (batch.received_at is not None)

    @invariant()
    def ready_means_downloadable(self):
        for batch in self.batches():
            if batch.status is READY:
                newest = self.env.media.list_jobs_by_batch(batch.id)[0].id
                assets = self.env.media.list_assets_by_batch(batch.id)
                uploads = [asset for asset in assets if asset.asset_type is not AssetType.ZIP]
                assert all(f"/{batch.id}/{newest}/" in asset.processed_key for asset in uploads)
                assert assets[-1].source_key == f"{self.env.folder(newest, 'zip')}/full.zip"

    @invariant()
    def counters_agree_with_the_statuses(self):
        entered, batches = self.env.instruments.entered, self.batches()
        abandoned = sum(batch.error_code == "UPLOAD_ABANDONED" for batch in batches)
        ends = entered[READY] + entered[FAILED]
        retries = self.env.instruments.counts["media_reprocess_requests_total"]

        assert entered[BatchStatus.PENDING_UPLOAD] == len(batches)
        assert sum(batch.status.terminal for batch in batches) == ends - retries
        assert sum(batch.status.in_pipeline for batch in batches) == (
            entered[BatchStatus.RECEIVED] + retries + abandoned - ends
        )
        assert len(self.env.instruments.durations) == ends - abandoned

    @invariant()
    def one_open_batch_has_a_reference(self):
        live = [batch for batch in self.batches() if is_open(batch)]
        assert len({batch.reference for batch in live}) == len(live)

    def teardown(self):
        """Without outages the workers bring every batch to its end."""
        env = self.env
        for _ in range(10):
            env.flush()
            env.dispatch()
            for name, payload in env.workflow.inputs.items():
                if env.workflow.find(name).status is ExecutionStatus.RUNNING:
                    env.workflow.end(name)
                    env.handle(env.success(payload["jobId"]))
            env.drain()
            env.clock.advance(1801)
            env.reconcile()

        self.only_legal_moves_happen()
        self.live_batch_and_its_newest_job_agree()
        self.ready_means_downloadable()
        self.counters_agree_with_the_statuses()
        assert all(batch.status.terminal for batch in self.batches() if not batch.deleted_at)
        assert env.media.count_inflight_jobs() == 0
        assert env.media.list_outbox() == []
        assert (env.queue.depth(), env.queue.dead_depth()) == (0, 0)


class TestServiceMachine:
    @pytest.mark.parametrize(
        "examples", [20, pytest.param(400, marks=[pytest.mark.slow, pytest.mark.no_cover])]
    )
    def test_nothing_gets_lost(self, new_env, examples):
        """
        Random sequences keep all invariants, and every batch ends.
        """
        machine = type("ServiceMachine", (ServiceMachine,), {"new_env": new_env})

        run_state_machine_as_test(
            machine, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
        )
