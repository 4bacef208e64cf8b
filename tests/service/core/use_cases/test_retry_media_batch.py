"""
The use case `RetryMediaBatch`.
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

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)


class TestRetryMediaBatch:
    @pytest.mark.parametrize("ended", ["ready", "failed"])
    def test_is_always_a_new_job(self, env, ended):
        """
        READY and FAILED batches become PROCESSING; the old job does not change.
        """
        first = getattr(env, ended)()
        batch_id = env.batch_of(first.job_id).id
        env.flush()

        retried = env.retried(batch_id)

        job = env.job(retried.job_id)
        assert retried.status is BatchStatus.PROCESSING
        assert env.batch_status(first.job_id) is BatchStatus.PROCESSING
        assert job.id != first.job_id
        assert (job.status, job.attempt) == (JobStatus.PENDING, 2)
        assert job.input_payload["reason"] == "again, please"
        assert job.input_payload["requestedBy"] == 30
        assert env.job(first.job_id).status.terminal
        assert [entry.message.job_id for entry in env.media.list_outbox()] == [job.id]
        assert env.instruments.counts["media_reprocess_requests_total"] == 1

    def test_attempts_are_counted(self, env):
        """
        The third job of a batch has the attempt 3.
        """
        batch_id = env.batch_of(env.failed().job_id).id
        env.handle(env.failure(env.retried(batch_id).job_id))

        assert env.job(env.retried(batch_id).job_id).attempt == 3

    def test_duration_is_measured_from_the_retry(self, env):
        """
        The time before the retry is not processing time.
        """
        batch_id = env.batch_of(env.failed().job_id).id
        env.clock.advance(3600)
        retried = env.retried(batch_id)
        env.clock.advance(40)
        env.handle(env.success(retried.job_id))

        assert env.instruments.durations[-1] == (BatchStatus.READY, 40.0)

    def test_earlier_objects_stay_until_a_new_success(self, env):
        """
        A failed retry removes nothing.
        """
        first = env.ready().job_id
        before = env.media.list_assets_by_batch(env.job(first).batch_id)

        env.handle(env.failure(env.retried(env.job(first).batch_id).job_id))

        assert env.media.list_assets_by_batch(env.job(first).batch_id) == before

    @pytest.mark.parametrize("state", ["received", "processing"])
    def test_batch_in_the_pipeline_is_refused(self, env, state):
        """
        It has not ended yet.
        """
        batch_id = env.batch_of(getattr(env, state)().job_id).id

        with pytest.raises(BatchStatusInvalid):
            env.retried(batch_id)

    def test_open_batch_is_refused(self, env):
        """
        Its files are not complete.
        """
        with pytest.raises(BatchStatusInvalid):
            env.retried(env.opened().batch_id)

    def test_abandoned_batch_is_refused(self, env):
        """
        Its upload was never completed.
        """
        batch_id = env.opened().batch_id
        env.clock.advance(1801)
        env.reconcile()

        with pytest.raises(BatchStatusInvalid):
            env.retried(batch_id)

    def test_reference_of_another_open_batch_is_a_conflict(self, env):
        """
        Only one of two batches with the same reference may be open.
        """
        batch_id = env.batch_of(env.failed(reference="morning").job_id).id
        env.opened(reference="morning")

        with pytest.raises(BatchConflict):
            env.retried(batch_id)

    def test_status_of_the_listing_does_not_matter(self, env):
        """
        A READY batch may be processed again after the listing has advanced.
        """
        first = env.ready()
        assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

        assert env.retried(env.job(first.job_id).batch_id)

    @pytest.mark.parametrize("reason", ["", "  ", "r" * 501])
    def test_needs_a_reason(self, env, reason):
        """
        1 to 500 characters that are not blank.
        """
        batch_id = env.batch_of(env.failed().job_id).id

        with pytest.raises(Invalid):
            env.retry(env.operator, APARTMENT, batch_id, reason)

    def test_same_users_as_for_creating(self, env, files):
        """
        The photographer retries photos, the owner project files.
        """
        photos = env.job(env.failed().job_id).batch_id
        project = env.job(env.failed(files.document(1), listing=DEVELOPMENT, by=env.owner).job_id).batch_id

        with pytest.raises(NotPhotographer):
            env.retry(env.owner, APARTMENT, photos, "please")
        with pytest.raises(NotOwner):
            env.retry(env.photographer, DEVELOPMENT, project, "please")
        assert env.retry(env.photographer, APARTMENT, photos, "please")
        assert env.retry(env.owner, DEVELOPMENT, project, "please")

    def test_unknown_deleted_and_foreign_batches_are_not_found(self, env):
        """
        404 also for a user without permission.
        """
        batch_id = env.job(env.failed().job_id).batch_id

        with pytest.raises(ListingNotFound):
            env.retry(env.stranger, ListingId(99), batch_id, "please")
        with pytest.raises(BatchNotFound):
            env.retry(env.stranger, DEVELOPMENT, batch_id, "please")
        env.delete(batch_id)
        with pytest.raises(BatchNotFound):
            env.retried(batch_id)
