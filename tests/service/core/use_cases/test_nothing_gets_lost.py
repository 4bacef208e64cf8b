"""
Whatever happens in whatever order, no batch is lost and the books agree.
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


class Life(RuleBasedStateMachine):
    """
    Clients, workers, the pipeline and bad luck take turns at random.

    Every rule is one call, so the statuses seen between rules show every step.
    """

    World = None

    def __init__(self):
        super().__init__()
        self.world = self.World()
        self.created = []
        self.seen = {}

    # Clients.

    @rule(reference=REFERENCES)
    def create(self, reference):
        """On a listing that somebody has reopened if it had moved on."""
        self.world.listings.set_status(ListingId(1), ListingStatus.PENDING_PHOTO_PROCESSING)
        taken = {batch.reference for batch in self.batches() if is_open(batch)}
        try:
            self.created.append(self.world.opened(reference=reference, by=self.world.operator))
        except BatchConflict:
            assert reference in taken
        else:
            assert reference not in taken

    @precondition(lambda self: self.created)
    @rule(pick=ANY)
    def complete(self, pick):
        created = self.created[pick % len(self.created)]
        self.world.upload(created)
        with suppress(MediaError):
            self.world.complete(self.world.operator, self.world.completion(created))

    @precondition(lambda self: self.created)
    @rule(pick=ANY)
    def retry(self, pick):
        with suppress(MediaError):
            self.world.retried(self.created[pick % len(self.created)].batch_id)

    @precondition(lambda self: self.created)
    @rule(pick=ANY)
    def delete(self, pick):
        with suppress(MediaError):
            self.world.delete(self.created[pick % len(self.created)].batch_id)

    # Workers.

    @rule()
    def flush(self):
        self.world.flush()

    @rule()
    def dispatch(self):
        self.world.dispatch()

    @rule()
    def drain(self):
        self.world.drain()

    @rule()
    def reconcile(self):
        with suppress(ExceptionGroup):  # The engine may be down; the next sweep will do.
            self.world.reconcile()

    @rule(seconds=st.sampled_from([1, 130, 360, 1800]))
    def wait(self, seconds):
        self.world.clock.advance(seconds)

    # The pipeline.

    @precondition(lambda self: self.jobs())
    @rule(pick=ANY, status=st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED", "PARTIAL_SUCCESS", "empty"]))
    def callback(self, pick, status):
        """In order or not, once or many times, for any job that ever was."""
        jobs = self.jobs()
        job_id = jobs[pick % len(jobs)].id
        if status == "SUCCEEDED":
            self.world.handle(self.world.success(job_id))
        elif status == "empty":
            self.world.tell(job_id, "SUCCEEDED")
        else:
            self.world.tell(job_id, status)

    @precondition(lambda self: self.world.workflow.inputs)
    @rule(
        pick=ANY, status=st.sampled_from(["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]), told=st.booleans()
    )
    def end(self, pick, status, told):
        """A run ends, and its callback comes or is lost."""
        names = list(self.world.workflow.inputs)
        name = names[pick % len(names)]
        job_id = self.world.workflow.inputs[name]["jobId"]
        self.world.workflow.end(name, ExecutionStatus(status))
        if told:
            ended = self.world.success(job_id) if status == "SUCCEEDED" else self.world.failure(job_id)
            self.world.handle(ended)

    # Bad luck.

    @rule()
    def lose_a_message(self):
        for message in self.world.queue.receive(limit=1):
            self.world.queue.delete(message)

    @rule()
    def deliver_twice(self):
        for job in self.jobs()[:1]:
            self.world.queue.send(self.world.media.get_last_message(job.id).message)

    @rule()
    def receive_in_vain(self):
        self.world.queue.receive(limit=10)

    @rule(port=st.sampled_from(["queue", "workflow"]))
    def outage(self, port):
        """The next half hour without the queue or the engine."""
        broken = getattr(self.world, port)
        broken.available = False
        with suppress(MediaError, ExceptionGroup):
            self.world.flush()
            self.world.dispatch()
            self.world.reconcile()
        broken.available = True

    # What always holds.

    def batches(self):
        return self.world.media.list_batches_by_listing(ListingId(1), include_deleted=True, limit=1000)

    def jobs(self):
        return self.world.media.list_jobs_by_status(list(JobStatus), limit=1000)

    @invariant()
    def only_legal_moves_happen(self):
        for batch in self.batches():
            before = self.seen.get(batch.id, batch.status)
            assert batch.status == before or batch.status in LEGAL[before]
            self.seen[batch.id] = batch.status

    @invariant()
    def live_batch_and_its_newest_job_agree(self):
        for batch in self.batches():
            jobs = self.world.media.list_jobs_by_batch(batch.id)
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
                newest = self.world.media.list_jobs_by_batch(batch.id)[0].id
                assets = self.world.media.list_assets_by_batch(batch.id)
                uploads = [asset for asset in assets if asset.asset_type is not AssetType.ZIP]
                assert all(asset.processed_key.startswith(f"processed/{newest}/") for asset in uploads)
                assert assets[-1].source_key == f"zip/{newest}/full.zip"

    @invariant()
    def counters_agree_with_the_statuses(self):
        entered, batches = self.world.instruments.entered, self.batches()
        abandoned = sum(batch.error_code == "UPLOAD_ABANDONED" for batch in batches)
        ends = entered[READY] + entered[FAILED]
        retries = self.world.instruments.counts["media_reprocess_requests_total"]

        assert entered[BatchStatus.PENDING_UPLOAD] == len(batches)
        assert sum(batch.status.terminal for batch in batches) == ends - retries
        assert sum(batch.status.in_pipeline for batch in batches) == (
            entered[BatchStatus.RECEIVED] + retries + abandoned - ends
        )
        assert len(self.world.instruments.durations) == ends - abandoned

    @invariant()
    def one_open_batch_has_a_reference(self):
        live = [batch for batch in self.batches() if is_open(batch)]
        assert len({batch.reference for batch in live}) == len(live)

    def teardown(self):
        """Once the luck turns, the workers bring everything to its end."""
        world = self.world
        for _ in range(10):
            world.flush()
            world.dispatch()
            for name, payload in world.workflow.inputs.items():
                if world.workflow.find(name).status is ExecutionStatus.RUNNING:
                    world.workflow.end(name)
                    world.handle(world.success(payload["jobId"]))
            world.drain()
            world.clock.advance(1801)
            world.reconcile()

        self.only_legal_moves_happen()
        self.live_batch_and_its_newest_job_agree()
        self.ready_means_downloadable()
        self.counters_agree_with_the_statuses()
        assert all(batch.status.terminal for batch in self.batches() if not batch.deleted_at)
        assert world.media.count_inflight_jobs() == 0
        assert world.media.list_outbox() == []
        assert (world.queue.depth(), world.queue.dead_depth()) == (0, 0)


class TestLife:
    @pytest.mark.parametrize("examples", [20, pytest.param(400, marks=pytest.mark.slow)])
    def test_nothing_gets_lost(self, new_world, examples):
        """
        Random lives of random batches keep every invariant, and end when luck returns.
        """
        life = type("Life", (Life,), {"World": new_world})

        run_state_machine_as_test(
            life, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
        )
