"""
Running the pipeline again.
"""

import pytest

from harness.service.core.errors import (
    BatchConflict,
    BatchNotFound,
    BatchStatusInvalid,
    Invalid,
    ListingNotFound,
    NotOwner,
    NotPhotographer,
)
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.identifiers import ListingId
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus
from harness.service.core.use_cases.retry_media_batch import RetryMediaBatchRequest

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)


class TestRetryMediaBatch:
    @pytest.mark.parametrize("ended", ["ready", "failed"])
    def test_is_always_a_new_job(self, world, ended):
        """
        READY and FAILED batches go back to PROCESSING; the old job stays as it ended.
        """
        first = getattr(world, ended)()
        batch_id = world.batch_of(first.job_id).id
        world.flush()

        retried = world.retried(batch_id)

        job = world.job(retried.job_id)
        assert retried.status is BatchStatus.PROCESSING
        assert world.batch_status(first.job_id) is BatchStatus.PROCESSING
        assert job.id != first.job_id
        assert (job.status, job.attempt) == (JobStatus.PENDING, 2)
        assert job.input_payload["reason"] == "again, please"
        assert job.input_payload["requestedBy"] == 30
        assert world.job(first.job_id).status.terminal
        assert [entry.message.job_id for entry in world.media.list_outbox()] == [job.id]
        assert world.instruments.counts["media_reprocess_requests_total"] == 1

    def test_attempts_are_counted(self, world):
        """
        The third job of a batch is its third attempt.
        """
        batch_id = world.batch_of(world.failed().job_id).id
        world.handle(world.failure(world.retried(batch_id).job_id))

        assert world.job(world.retried(batch_id).job_id).attempt == 3

    def test_duration_is_measured_from_the_retry(self, world):
        """
        An hour of waiting for a decision is no processing time.
        """
        batch_id = world.batch_of(world.failed().job_id).id
        world.clock.advance(3600)
        retried = world.retried(batch_id)
        world.clock.advance(40)
        world.handle(world.success(retried.job_id))

        assert world.instruments.durations[-1] == (BatchStatus.READY, 40.0)

    def test_earlier_objects_stay_until_a_new_success(self, world):
        """
        A retry that fails takes nothing away.
        """
        first = world.ready().job_id
        before = world.media.list_assets_by_batch(world.job(first).batch_id)

        world.handle(world.failure(world.retried(world.job(first).batch_id).job_id))

        assert world.media.list_assets_by_batch(world.job(first).batch_id) == before

    @pytest.mark.parametrize("state", ["received", "processing"])
    def test_batch_in_the_pipeline_is_refused(self, world, state):
        """
        It has not ended yet.
        """
        batch_id = world.batch_of(getattr(world, state)().job_id).id

        with pytest.raises(BatchStatusInvalid):
            world.retried(batch_id)

    def test_open_batch_is_refused(self, world):
        """
        There is nothing to run over yet.
        """
        with pytest.raises(BatchStatusInvalid):
            world.retried(world.opened().batch_id)

    def test_abandoned_batch_is_refused(self, world):
        """
        There never was.
        """
        batch_id = world.opened().batch_id
        world.clock.advance(1801)
        world.reconcile()

        with pytest.raises(BatchStatusInvalid):
            world.retried(batch_id)

    def test_reference_taken_over_meanwhile_is_a_conflict(self, world):
        """
        Of two batches with one reference only one is open at a time.
        """
        batch_id = world.batch_of(world.failed(reference="morning").job_id).id
        world.opened(reference="morning")

        with pytest.raises(BatchConflict):
            world.retried(batch_id)

    def test_listing_that_moved_on_does_not_matter(self, world):
        """
        A READY batch may be processed again after the listing left the upload status.
        """
        first = world.ready()
        assert world.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

        assert world.retried(world.job(first.job_id).batch_id)

    @pytest.mark.parametrize("reason", ["", "  ", "r" * 501])
    def test_needs_a_reason(self, world, reason):
        """
        1 to 500 characters that say something.
        """
        batch_id = world.batch_of(world.failed().job_id).id

        with pytest.raises(Invalid):
            world.retry(world.operator, RetryMediaBatchRequest(APARTMENT, batch_id, reason))

    def test_same_people_as_for_creating(self, world, files):
        """
        The photographer retries photos, the owner project files; nobody else.
        """
        photos = world.job(world.failed().job_id).batch_id
        project = world.job(
            world.failed(files.document(1), listing=DEVELOPMENT, by=world.owner).job_id
        ).batch_id

        with pytest.raises(NotPhotographer):
            world.retry(world.owner, RetryMediaBatchRequest(APARTMENT, photos, "please"))
        with pytest.raises(NotOwner):
            world.retry(world.photographer, RetryMediaBatchRequest(DEVELOPMENT, project, "please"))
        assert world.retry(world.photographer, RetryMediaBatchRequest(APARTMENT, photos, "please"))
        assert world.retry(world.owner, RetryMediaBatchRequest(DEVELOPMENT, project, "please"))

    def test_unknown_deleted_and_foreign_batches_are_not_found(self, world):
        """
        404, before anybody asks who is asking.
        """
        batch_id = world.job(world.failed().job_id).batch_id

        with pytest.raises(ListingNotFound):
            world.retry(world.stranger, RetryMediaBatchRequest(ListingId(99), batch_id, "please"))
        with pytest.raises(BatchNotFound):
            world.retry(world.stranger, RetryMediaBatchRequest(DEVELOPMENT, batch_id, "please"))
        world.delete(batch_id)
        with pytest.raises(BatchNotFound):
            world.retried(batch_id)
