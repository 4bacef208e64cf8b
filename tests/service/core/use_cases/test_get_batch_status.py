"""
How a batch stands.
"""

import pytest

from harness.service.core.errors import BatchNotFound, ListingNotFound, NotPhotographer
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.failure import Failure
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.ports.workflow import Step
from harness.service.core.use_cases.get_batch_status import (
    AvailableDownload,
    GetBatchStatusRequest,
)

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)


@pytest.fixture
def report(world):
    """
    Ask for the report on the batch of a job.
    """

    def ask(job_id, by=None):
        batch = world.batch_of(job_id)
        return world.status(by or world.owner, GetBatchStatusRequest(batch.listing_id, batch.id))

    return ask


class TestGetBatchStatus:
    def test_open_batch_shows_what_is_expected(self, world, files):
        """
        Nothing has been submitted yet; the files are those of the manifest, by sequence.
        """
        created = world.opened(files.photo(2), files.video(1))

        report = world.status(world.photographer, GetBatchStatusRequest(APARTMENT, created.batch_id))

        assert report.batch.status is BatchStatus.PENDING_UPLOAD
        assert (report.batch.received_at, report.batch.processing_started_at) == (None, None)
        assert report.batch.processing_finished_at is None
        assert (report.processing, report.batch.failure) == (None, None)
        assert [asset.client_id for asset in report.assets] == ["c1", "c2"]
        assert report.available_downloads == (
            AvailableDownload("ZIP_FULL", ready=False),
            AvailableDownload("PHOTO_HORIZONTAL", ready=False),
            AvailableDownload("VIDEO_VERTICAL", ready=False),
        )

    def test_processing_batch_shows_the_steps_of_its_run(self, world, report):
        """
        The engine knows which states the run has entered.
        """
        accepted = world.processing()
        step = Step("ValidateRawAssets", "RUNNING", world.clock.now(), None)
        world.workflow.enter(world.job(accepted.job_id).execution_name, step)

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.PROCESSING
        assert shown.batch.processing_started_at == world.clock.now()
        assert shown.processing.job_id == accepted.job_id
        assert shown.processing.execution_arn == world.job(accepted.job_id).external_id
        assert shown.processing.steps == (step,)

    def test_ready_batch_shows_what_can_be_downloaded(self, world, report, files):
        """
        Bundle and media types are ready, and the assets say what was made of each file.
        """
        accepted = world.ready(files.photo(1))

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.READY
        assert shown.batch.processing_finished_at == world.clock.now()
        assert [it.ready for it in shown.available_downloads] == [True, True]
        assert shown.assets[0].processed_key == f"processed/{accepted.job_id}/1/large.jpg"
        assert shown.assets[0].resolution == "1200x800"

    def test_failed_batch_shows_why(self, world, report):
        """
        The code of the pipeline reaches the client.
        """
        accepted = world.failed()

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.FAILED
        assert shown.batch.failure == Failure("DECODE_FAILED", "not an image")
        assert not any(it.ready for it in shown.available_downloads)

    def test_retried_batch_shows_its_newest_job(self, world, report):
        """
        Submission is counted from the retry, and an earlier error is history.
        """
        first = world.failed()
        world.clock.advance(60)
        second = world.retried(world.batch_of(first.job_id).id)

        shown = report(first.job_id)

        assert shown.processing.job_id == second.job_id
        assert world.job(second.job_id).attempt == 2
        assert shown.batch.received_at == world.clock.now()
        assert (shown.batch.processing_started_at, shown.batch.failure) == (None, None)

    def test_engine_that_does_not_answer_costs_the_steps_only(self, world, report, caplog):
        """
        Where the batch stands is known without the engine; the loss of the steps is logged.
        """
        accepted = world.processing()
        world.workflow.available = False

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.PROCESSING
        assert shown.processing.steps == ()
        assert "service.media.get_batch_status.steps_unavailable" in caplog.messages

    @pytest.mark.parametrize("who", ["photographer", "owner", "operator"])
    def test_three_may_look(self, world, report, who):
        """
        Photographer, owner and operator.
        """
        assert report(world.received().job_id, by=getattr(world, who))

    def test_strangers_may_not(self, world, report):
        """
        403 for everybody else.
        """
        with pytest.raises(NotPhotographer):
            report(world.received().job_id, by=world.stranger)

    def test_unknown_deleted_and_foreign_batches_are_not_found(self, world):
        """
        404, before anybody asks who is asking.
        """
        batch_id = world.opened().batch_id

        with pytest.raises(ListingNotFound):
            world.status(world.stranger, GetBatchStatusRequest(ListingId(99), batch_id))
        with pytest.raises(BatchNotFound):
            world.status(world.stranger, GetBatchStatusRequest(APARTMENT, BatchId("none")))
        with pytest.raises(BatchNotFound):
            world.status(world.stranger, GetBatchStatusRequest(DEVELOPMENT, batch_id))
        world.delete(batch_id)
        with pytest.raises(BatchNotFound):
            world.status(world.owner, GetBatchStatusRequest(APARTMENT, batch_id))
