"""
The use case `GetBatchStatus`.
"""

from datetime import timedelta

import pytest

from harness.service.core.errors import BatchNotFound, ListingNotFound, NotPhotographer
from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.failure import Failure
from harness.service.core.model.identifiers import BatchId, ListingId
from harness.service.core.ports.workflow import Step
from harness.service.core.use_cases.get_batch_status import (
    AvailableDownload,
)

APARTMENT, DEVELOPMENT = ListingId(1), ListingId(2)


@pytest.fixture
def report(env):
    """
    Return a function that queries the status of the batch of a job.
    """

    def ask(job_id, by=None):
        batch = env.batch_of(job_id)
        return env.status(by or env.owner, batch.listing_id, batch.id)

    return ask


class TestGetBatchStatus:
    def test_open_batch_lists_the_expected_files(self, env, files):
        """
        The times are empty; the files are those of the manifest, by sequence.
        """
        created = env.opened(files.photo(2), files.video(1))

        report = env.status(env.photographer, APARTMENT, created.batch_id)

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

    def test_processing_batch_shows_the_steps_of_its_run(self, env, report):
        """
        The steps come from the execution.
        """
        accepted = env.processing()
        step = Step("ValidateRawAssets", "RUNNING", env.clock.now(), None)
        env.workflow.enter(env.job(accepted.job_id).execution_name, step)

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.PROCESSING
        assert shown.batch.processing_started_at == env.clock.now()
        assert shown.processing.job_id == accepted.job_id
        assert shown.processing.execution_arn == env.job(accepted.job_id).external_id
        assert shown.processing.steps == (step,)

    def test_running_step_shows_its_progress(self, env, report, files):
        """
        Of the item that reported it; a report that comes late or twice changes nothing.
        """
        accepted = env.processing(files.video(1), files.video(2))
        now = env.clock.now()
        steps = [Step("TranscodeVideo", "RUNNING", now, None, item) for item in (0, 1)]
        env.workflow.enter(env.job(accepted.job_id).execution_name, *steps)
        for progress, second in ((0.4, 2), (0.0, 1), (0.4, 2)):
            at = (now + timedelta(seconds=second)).isoformat()
            step = {"name": "TranscodeVideo", "item": 1, "status": "RUNNING", "progress": progress, "at": at}
            env.tell(accepted.job_id, "RUNNING", step=step)

        shown = report(accepted.job_id).processing.steps

        assert [step.progress for step in shown] == [None, 0.4]

    def test_progress_is_shown_while_the_engine_does_not_answer(self, env, report, files):
        """
        The reports alone, without the times of the execution.
        """
        accepted = env.processing(files.video(1))
        at = env.clock.now().isoformat()
        step = {"name": "TranscodeVideo", "status": "RUNNING", "progress": 0.4, "at": at}
        env.tell(accepted.job_id, "RUNNING", step=step)
        env.workflow.available = False

        (shown,) = report(accepted.job_id).processing.steps

        assert (shown.name, shown.status, shown.progress) == ("TranscodeVideo", "RUNNING", 0.4)

    def test_progress_after_the_end_changes_nothing(self, env, report, files):
        """
        The job has ended; its summary stays.
        """
        accepted = env.ready(files.photo(1))
        at = env.clock.now().isoformat()
        step = {"name": "TranscodeVideo", "status": "RUNNING", "progress": 0.4, "at": at}

        assert not env.tell(accepted.job_id, "RUNNING", step=step).changed
        assert env.job(accepted.job_id).output_payload["status"] == "SUCCEEDED"

    def test_ready_batch_shows_what_can_be_downloaded(self, env, report, files):
        """
        ZIP and media types are ready, and the assets have their derived objects.
        """
        accepted = env.ready(files.photo(1))

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.READY
        assert shown.batch.processing_finished_at == env.clock.now()
        assert [it.ready for it in shown.available_downloads] == [True, True]
        assert shown.assets[0].processed_key == f"{env.folder(accepted.job_id)}/1/large.jpg"
        assert shown.assets[0].resolution == "1200x800"

    def test_failed_batch_shows_why(self, env, report):
        """
        The report has the code of the pipeline.
        """
        accepted = env.failed()

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.FAILED
        assert shown.batch.failure == Failure("DECODE_FAILED", "not an image")
        assert not any(it.ready for it in shown.available_downloads)

    def test_retry_leaves_the_downloads_of_the_successful_job(self, env, report):
        """
        They are ready while the retry runs and after it failed, as the query for downloads offers them.
        """
        first = env.ready()
        again = env.retried(env.batch_of(first.job_id).id)
        assert all(it.ready for it in report(first.job_id).available_downloads)

        env.handle(env.failure(again.job_id))

        assert all(it.ready for it in report(first.job_id).available_downloads)

    def test_retried_batch_shows_its_newest_job(self, env, report):
        """
        The reception is the time of the retry, and the earlier error is cleared.
        """
        first = env.failed()
        env.clock.advance(60)
        second = env.retried(env.batch_of(first.job_id).id)

        shown = report(first.job_id)

        assert shown.processing.job_id == second.job_id
        assert env.job(second.job_id).attempt == 2
        assert shown.batch.received_at == env.clock.now()
        assert (shown.batch.processing_started_at, shown.batch.failure) == (None, None)

    def test_engine_that_does_not_answer_costs_the_steps_only(self, env, report, caplog):
        """
        The report has no steps, and the error is logged.
        """
        accepted = env.processing()
        env.workflow.available = False

        shown = report(accepted.job_id)

        assert shown.batch.status is BatchStatus.PROCESSING
        assert shown.processing.steps == ()
        assert "service.media.get_batch_status.steps_unavailable" in caplog.messages

    @pytest.mark.parametrize("who", ["photographer", "owner", "operator"])
    def test_photographer_owner_and_operator_may_see_it(self, env, report, who):
        """
        These three users get the report.
        """
        assert report(env.received().job_id, by=getattr(env, who))

    def test_strangers_may_not(self, env, report):
        """
        All other users get 403.
        """
        with pytest.raises(NotPhotographer):
            report(env.received().job_id, by=env.stranger)

    def test_unknown_deleted_and_foreign_batches_are_not_found(self, env):
        """
        404 also for a user without permission.
        """
        batch_id = env.opened().batch_id

        with pytest.raises(ListingNotFound):
            env.status(env.stranger, ListingId(99), batch_id)
        with pytest.raises(BatchNotFound):
            env.status(env.stranger, APARTMENT, BatchId("none"))
        with pytest.raises(BatchNotFound):
            env.status(env.stranger, DEVELOPMENT, batch_id)
        env.delete(batch_id)
        with pytest.raises(BatchNotFound):
            env.status(env.owner, APARTMENT, batch_id)
