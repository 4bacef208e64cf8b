"""
The use case `ReconcileJobs`.
"""

import pytest

from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus
from harness.service.core.ports.workflow import ExecutionStatus
from harness.service.core.use_cases.reconcile_jobs import PAGE_SIZE

GRACE, STUCK, ABANDONED = 120, 1800, 1800


def finished(env, job_id):
    """Return the state of an execution since it made its bundle."""
    key = f"{env.folder(job_id, 'zip')}/full.zip"
    return {"zip": {"key": key, "bytes": 1, "assets": 1, "outputs": env.outputs(job_id)}}


class TestExecutionsThatEndedWithoutACallback:
    def test_success_is_read_from_the_output(self, env):
        """
        The output of the execution has the result that was not delivered.
        """
        accepted = env.processing()
        name = env.job(accepted.job_id).execution_name
        env.workflow.end(name, output=finished(env, accepted.job_id))
        env.clock.advance(GRACE)

        assert env.reconcile() == 1

        assert env.batch_status(accepted.job_id) is BatchStatus.READY
        assert env.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    @pytest.mark.parametrize(
        "output",
        [
            None,
            {},
            {"zip": {}},
            {"zip": {"key": 7, "outputs": []}},
            {"zip": {"key": "404/zip/any/1/full.zip", "outputs": []}},
        ],
    )
    def test_success_without_a_valid_callback_is_a_failure(self, env, output):
        """
        A batch without downloads is never READY; a retry processes it again.
        """
        accepted = env.processing()
        env.workflow.end(env.job(accepted.job_id).execution_name, output=output)
        env.clock.advance(GRACE)

        assert env.reconcile() == 1
        assert env.batch_of(accepted.job_id).error_code == "CALLBACK_LOST"

    @pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
    def test_finished_work_is_ready_however_the_execution_ended(self, env, status):
        """
        An execution that died while it tried to deliver its callback had made everything.
        """
        accepted = env.processing()
        name = env.job(accepted.job_id).execution_name
        env.workflow.finish_work(name, finished(env, accepted.job_id))
        env.workflow.end(name, ExecutionStatus(status), error="States.DataLimitExceeded", cause="too large")
        env.clock.advance(GRACE)

        assert env.reconcile() == 1
        assert env.batch_status(accepted.job_id) is BatchStatus.READY

    def test_finished_work_with_a_failed_file_is_a_failure_with_its_code(self, env, files):
        """
        The result is judged like a callback that arrives over HTTP.
        """
        accepted = env.processing(files.photo(1), files.photo(2))
        state = finished(env, accepted.job_id)
        state["zip"]["outputs"][0] |= {"processedKey": None, "errorCode": "DECODE_FAILED"}
        env.workflow.end(env.job(accepted.job_id).execution_name, output=state)
        env.clock.advance(GRACE)

        assert env.reconcile() == 1

        assert env.batch_of(accepted.job_id).error_code == "DERIVATIVE_ERRORS_DETECTED"
        assets = env.media.list_assets_by_batch(env.job(accepted.job_id).batch_id)
        assert [asset.error_code for asset in assets] == ["DECODE_FAILED", None]

    @pytest.mark.parametrize(
        ("status", "error", "cause", "code"),
        [
            ("FAILED", "MediaProcessingFailed", '{"errorMessage": "DECODE_FAILED: x"}', "DECODE_FAILED"),
            ("FAILED", "MediaProcessingFailed", "", "PROCESSING_FAILED"),
            ("FAILED", None, None, "PROCESSING_FAILED"),
            ("TIMED_OUT", None, None, "TIMED_OUT"),
            ("TIMED_OUT", "States.Timeout", None, "TIMED_OUT"),
            ("ABORTED", None, None, "ABORTED"),
        ],
    )
    def test_failure_is_read_from_the_execution(self, env, status, error, cause, code):
        """
        Status, error and cause of the execution give the failure.
        """
        accepted = env.processing()
        name = env.job(accepted.job_id).execution_name
        env.workflow.end(name, ExecutionStatus(status), error=error, cause=cause)
        env.clock.advance(GRACE)

        assert env.reconcile() == 1
        assert env.batch_of(accepted.job_id).error_code == code

    def test_callback_that_comes_late_changes_nothing(self, env):
        """
        Its content was applied by the reconciler.
        """
        accepted = env.processing()
        env.workflow.end(env.job(accepted.job_id).execution_name, ExecutionStatus.ABORTED)
        env.clock.advance(GRACE)
        env.reconcile()

        assert not env.handle(env.success(accepted.job_id)).changed
        assert env.batch_status(accepted.job_id) is BatchStatus.FAILED

    def test_deleted_batch_only_has_its_job_ended(self, env):
        """
        The number of jobs in progress decreases; the batch does not change.
        """
        accepted = env.processing()
        env.workflow.end(env.job(accepted.job_id).execution_name, ExecutionStatus.ABORTED)
        env.delete(env.job(accepted.job_id).batch_id)
        env.clock.advance(GRACE)

        assert env.reconcile() == 1
        assert env.media.count_inflight_jobs() == 0
        assert env.batch_status(accepted.job_id) is BatchStatus.PROCESSING


class TestJobsThatRun:
    def test_young_jobs_are_skipped(self, env):
        """
        There is no call to the workflow for them.
        """
        env.processing()
        env.workflow.available = False
        env.clock.advance(GRACE - 1)

        assert env.reconcile() == 0

    def test_healthy_jobs_are_skipped(self, env):
        """
        A job may run for a long time within the time-out.
        """
        accepted = env.processing()
        env.clock.advance(STUCK - 1)

        assert env.reconcile() == 0
        assert env.job(accepted.job_id).status is JobStatus.RUNNING

    def test_job_that_runs_too_long_fails(self, env):
        """
        After thirty minutes.
        """
        accepted = env.processing()
        env.clock.advance(STUCK)

        assert env.reconcile() == 1

        batch = env.batch_of(accepted.job_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "STUCK_TIMEOUT")

    def test_finished_work_is_never_stuck(self, env):
        """
        The execution still tries to deliver its callback; the job is READY, and a late callback is ignored.
        """
        accepted = env.processing()
        env.workflow.finish_work(env.job(accepted.job_id).execution_name, finished(env, accepted.job_id))
        env.clock.advance(STUCK)

        assert env.reconcile() == 1

        assert env.batch_status(accepted.job_id) is BatchStatus.READY
        assert not env.handle(env.success(accepted.job_id)).changed

    def test_job_unknown_to_the_workflow_fails(self, env):
        """
        The job is RUNNING, but the workflow has no execution: it fails after the time-out.
        """
        accepted = env.received()
        env.tell(accepted.job_id, "RUNNING")
        env.clock.advance(STUCK - 1)
        assert env.reconcile() == 0
        env.clock.advance(1)

        assert env.reconcile() == 1
        assert env.batch_of(accepted.job_id).error_code == "STUCK_TIMEOUT"

    def test_execution_that_is_lost_is_started_again(self, env):
        """
        The workflow service has forgotten it: the message is sent again after the grace period, once.
        """
        accepted = env.processing()
        env.workflow.forget(env.job(accepted.job_id).execution_name)
        env.clock.advance(GRACE)

        assert env.reconcile() == 1
        assert env.reconcile() == 0
        assert env.flush() == 1
        assert env.dispatch() == 1
        env.clock.advance(GRACE)
        assert env.reconcile() == 0
        assert list(env.workflow.inputs) == [env.job(accepted.job_id).execution_name]

    def test_start_that_was_not_recorded_is_recorded(self, env):
        """
        The dispatcher crashed between start and record.
        """
        accepted = env.received()
        env.workflow.start(env.job(accepted.job_id).execution_name, {})
        env.clock.advance(GRACE)

        assert env.reconcile() == 1
        assert env.job(accepted.job_id).status is JobStatus.RUNNING
        assert env.batch_status(accepted.job_id) is BatchStatus.PROCESSING

    def test_failed_job_does_not_affect_a_newer_one(self, env):
        """
        A retry is a job with its own time-out.
        """
        accepted = env.processing()
        env.clock.advance(STUCK)
        env.reconcile()
        retried = env.retried(env.job(accepted.job_id).batch_id)

        assert env.reconcile() == 0
        assert env.batch_status(retried.job_id) is BatchStatus.PROCESSING


class TestJobsThatNeverStarted:
    def test_lost_message_is_sent_again(self, env):
        """
        A message without effect after half an hour is written to the outbox again, once.
        """
        accepted = env.received()
        env.flush()
        (message,) = env.queue.receive()
        env.queue.delete(message)
        env.clock.advance(STUCK - 1)
        assert env.reconcile() == 0
        env.clock.advance(1)

        assert env.reconcile() == 1
        assert env.reconcile() == 0
        assert env.flush() == 1
        assert env.dispatch() == 1
        assert env.job(accepted.job_id).status is JobStatus.RUNNING

    def test_lost_message_of_a_retry_is_sent_again(self, env):
        """
        The batch is PROCESSING while it waits for the message of its retry.
        """
        retried = env.retried(env.job(env.failed().job_id).batch_id)
        env.flush()
        (message,) = env.queue.receive()
        env.queue.delete(message)
        env.clock.advance(STUCK)

        assert env.reconcile() == 1
        assert env.media.list_outbox()[0].message.job_id == retried.job_id

    def test_message_that_was_never_sent_waits_for_the_outbox(self, env):
        """
        An unsent message is not written again while the queue is down.
        """
        env.received()
        env.clock.advance(10 * STUCK)

        assert env.reconcile() == 0
        assert len(env.media.list_outbox()) == 1

    def test_copy_of_a_message_that_was_only_slow_does_no_harm(self, env):
        """
        Both copies are received; one execution is started.
        """
        env.received()
        env.flush()
        env.clock.advance(STUCK)
        env.reconcile()
        env.flush()

        assert env.dispatch() == 2
        assert len(env.workflow.inputs) == 1

    def test_deleted_batch_is_not_sent_again(self, env):
        """
        Its job fails.
        """
        accepted = env.received()
        env.flush()
        env.delete(env.job(accepted.job_id).batch_id)
        env.clock.advance(GRACE)

        assert env.reconcile() == 1
        assert env.job(accepted.job_id).status is JobStatus.FAILED


class TestUploadsThatWereNeverCompleted:
    def test_are_abandoned_after_their_urls_expired(self, env):
        """
        The reference is free again.
        """
        created = env.opened(reference="morning")
        env.clock.advance(ABANDONED)
        assert env.reconcile() == 0
        env.clock.advance(1)

        assert env.reconcile() == 1

        batch = env.media.get_batch_by_id(created.batch_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "UPLOAD_ABANDONED")
        assert env.instruments.entered[BatchStatus.FAILED] == 1
        assert env.instruments.durations == []
        assert env.opened(reference="morning")

    def test_deleted_uploads_are_skipped(self, env):
        """
        A deleted batch does not change.
        """
        env.delete(env.opened().batch_id)
        env.clock.advance(ABANDONED + 1)

        assert env.reconcile() == 0


class TestSweep:
    def test_reaches_behind_the_first_page(self, env):
        """
        Two hundred healthy jobs do not hide a lost one.
        """
        for number in range(PAGE_SIZE + 1):
            accepted = env.processing(reference=f"{number}")
        env.workflow.end(env.job(accepted.job_id).execution_name, ExecutionStatus.ABORTED)
        env.clock.advance(GRACE)

        assert env.reconcile() == 1

    def test_engine_that_does_not_answer_does_not_stop_the_sweep(self, env):
        """
        The jobs wait for the next pass, uploads are abandoned, and the error is raised.
        """
        env.processing(reference="running")
        created = env.opened(reference="open")
        env.clock.advance(ABANDONED + 1)
        env.workflow.available = False

        with pytest.raises(ExceptionGroup):
            env.reconcile()

        assert env.media.get_batch_by_id(created.batch_id).status is BatchStatus.FAILED
