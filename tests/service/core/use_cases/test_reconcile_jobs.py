"""
What got lost, and how it is finished with the truth.
"""

import pytest

from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus
from harness.service.core.model.listing import ListingStatus
from harness.service.core.ports.workflow import ExecutionStatus
from harness.service.core.use_cases.reconcile_jobs import PAGE_SIZE

GRACE, STUCK, ABANDONED = 120, 1800, 1800


class TestExecutionsThatEndedWithoutACallback:
    def test_success_is_read_from_the_output(self, world):
        """
        The run kept the callback it could not deliver.
        """
        accepted = world.processing()
        document = world.report(accepted.job_id, "SUCCEEDED", outputs=world.outputs(accepted.job_id))
        document |= {"zip": {"key": "zip", "bytes": 1, "assets": 1}}
        world.workflow.end(
            world.job(accepted.job_id).execution_name, output={"callback": {"document": document}}
        )
        world.clock.advance(GRACE)

        assert world.reconcile() == 1

        assert world.batch_status(accepted.job_id) is BatchStatus.READY
        assert world.listing_status() is ListingStatus.PENDING_OWNER_APPROVAL

    @pytest.mark.parametrize("output", [None, {}, {"zip": {}}, {"callback": {"document": {"jobId": "x"}}}])
    def test_success_nobody_can_read_is_a_failure_with_a_name(self, world, output):
        """
        Never READY with nothing to download; a retry does it again.
        """
        accepted = world.processing()
        world.workflow.end(world.job(accepted.job_id).execution_name, output=output)
        world.clock.advance(GRACE)

        assert world.reconcile() == 1
        assert world.batch_of(accepted.job_id).error_code == "CALLBACK_LOST"

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
    def test_failure_is_told_as_it_happened(self, world, status, error, cause, code):
        """
        The engine says how the run ended, and why as far as it knows.
        """
        accepted = world.processing()
        name = world.job(accepted.job_id).execution_name
        world.workflow.end(name, ExecutionStatus(status), error=error, cause=cause)
        world.clock.advance(GRACE)

        assert world.reconcile() == 1
        assert world.batch_of(accepted.job_id).error_code == code

    def test_callback_that_comes_late_changes_nothing(self, world):
        """
        The truth has been told already.
        """
        accepted = world.processing()
        world.workflow.end(world.job(accepted.job_id).execution_name, ExecutionStatus.ABORTED)
        world.clock.advance(GRACE)
        world.reconcile()

        assert not world.handle(world.success(accepted.job_id)).changed
        assert world.batch_status(accepted.job_id) is BatchStatus.FAILED

    def test_deleted_batch_only_has_its_job_ended(self, world):
        """
        The gauge of jobs in flight comes down; the batch stays as it was deleted.
        """
        accepted = world.processing()
        world.workflow.end(world.job(accepted.job_id).execution_name, ExecutionStatus.ABORTED)
        world.delete(world.job(accepted.job_id).batch_id)
        world.clock.advance(GRACE)

        assert world.reconcile() == 1
        assert world.media.count_inflight_jobs() == 0
        assert world.batch_status(accepted.job_id) is BatchStatus.PROCESSING


class TestJobsThatRun:
    def test_young_jobs_are_left_alone(self, world):
        """
        The engine is not even asked about them.
        """
        world.processing()
        world.workflow.available = False
        world.clock.advance(GRACE - 1)

        assert world.reconcile() == 0

    def test_healthy_jobs_are_left_alone(self, world):
        """
        Running for long is not being stuck.
        """
        accepted = world.processing()
        world.clock.advance(STUCK - 1)

        assert world.reconcile() == 0
        assert world.job(accepted.job_id).status is JobStatus.RUNNING

    def test_job_that_runs_too_long_is_given_up(self, world):
        """
        After thirty minutes nobody waits any more.
        """
        accepted = world.processing()
        world.clock.advance(STUCK)

        assert world.reconcile() == 1

        batch = world.batch_of(accepted.job_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "STUCK_TIMEOUT")

    def test_job_the_engine_has_forgotten_is_given_up(self, world):
        """
        RUNNING in our books, unknown to the engine: only time can tell.
        """
        accepted = world.received()
        world.tell(accepted.job_id, "RUNNING")
        world.clock.advance(STUCK - 1)
        assert world.reconcile() == 0
        world.clock.advance(1)

        assert world.reconcile() == 1
        assert world.batch_of(accepted.job_id).error_code == "STUCK_TIMEOUT"

    def test_run_the_dispatcher_did_not_note_is_noted(self, world):
        """
        It crashed between the start and the note.
        """
        accepted = world.received()
        world.workflow.start(world.job(accepted.job_id).execution_name, {})
        world.clock.advance(GRACE)

        assert world.reconcile() == 1
        assert world.job(accepted.job_id).status is JobStatus.RUNNING
        assert world.batch_status(accepted.job_id) is BatchStatus.PROCESSING

    def test_given_up_job_does_not_touch_a_newer_one(self, world):
        """
        A retry is a job of its own, with a clock of its own.
        """
        accepted = world.processing()
        world.clock.advance(STUCK)
        world.reconcile()
        retried = world.retried(world.job(accepted.job_id).batch_id)

        assert world.reconcile() == 0
        assert world.batch_status(retried.job_id) is BatchStatus.PROCESSING


class TestJobsThatNeverStarted:
    def test_lost_message_is_sent_again(self, world):
        """
        Acknowledged, and gone: after half an hour it is written once more, and once only.
        """
        accepted = world.received()
        world.flush()
        (message,) = world.queue.receive()
        world.queue.delete(message)
        world.clock.advance(STUCK - 1)
        assert world.reconcile() == 0
        world.clock.advance(1)

        assert world.reconcile() == 1
        assert world.reconcile() == 0
        assert world.flush() == 1
        assert world.dispatch() == 1
        assert world.job(accepted.job_id).status is JobStatus.RUNNING

    def test_lost_message_of_a_retry_is_sent_again(self, world):
        """
        A batch that is PROCESSING may wait for its message just as well.
        """
        retried = world.retried(world.job(world.failed().job_id).batch_id)
        world.flush()
        (message,) = world.queue.receive()
        world.queue.delete(message)
        world.clock.advance(STUCK)

        assert world.reconcile() == 1
        assert world.media.list_outbox()[0].message.job_id == retried.job_id

    def test_message_that_was_never_sent_waits_for_the_outbox(self, world):
        """
        A queue that is down is no reason for a second message.
        """
        world.received()
        world.clock.advance(10 * STUCK)

        assert world.reconcile() == 0
        assert len(world.media.list_outbox()) == 1

    def test_copy_of_a_message_that_was_only_slow_does_no_harm(self, world):
        """
        Both are received in the end; one run is started.
        """
        world.received()
        world.flush()
        world.clock.advance(STUCK)
        world.reconcile()
        world.flush()

        assert world.dispatch() == 2
        assert len(world.workflow.inputs) == 1

    def test_deleted_batch_is_not_sent_again(self, world):
        """
        Its job ends for the record.
        """
        accepted = world.received()
        world.flush()
        world.delete(world.job(accepted.job_id).batch_id)
        world.clock.advance(GRACE)

        assert world.reconcile() == 1
        assert world.job(accepted.job_id).status is JobStatus.FAILED


class TestUploadsThatWereNeverCompleted:
    def test_are_abandoned_after_their_urls_expired(self, world):
        """
        The client is gone; the reference is free again.
        """
        created = world.opened(reference="morning")
        world.clock.advance(ABANDONED)
        assert world.reconcile() == 0
        world.clock.advance(1)

        assert world.reconcile() == 1

        batch = world.media.get_batch_by_id(created.batch_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "UPLOAD_ABANDONED")
        assert world.instruments.entered[BatchStatus.FAILED] == 1
        assert world.instruments.durations == []
        assert world.opened(reference="morning")

    def test_deleted_uploads_are_left_alone(self, world):
        """
        A deleted batch is nobody's business any more.
        """
        world.delete(world.opened().batch_id)
        world.clock.advance(ABANDONED + 1)

        assert world.reconcile() == 0


class TestSweep:
    def test_reaches_behind_the_first_page(self, world):
        """
        Two hundred jobs that need nothing do not hide the one that does.
        """
        for number in range(PAGE_SIZE + 1):
            accepted = world.processing(reference=f"{number}")
        world.workflow.end(world.job(accepted.job_id).execution_name, ExecutionStatus.ABORTED)
        world.clock.advance(GRACE)

        assert world.reconcile() == 1

    def test_engine_that_does_not_answer_does_not_stop_the_sweep(self, world):
        """
        Jobs wait for the next sweep, abandoned uploads need no engine; the error is seen.
        """
        world.processing(reference="running")
        created = world.opened(reference="open")
        world.clock.advance(ABANDONED + 1)
        world.workflow.available = False

        with pytest.raises(ExceptionGroup):
            world.reconcile()

        assert world.media.get_batch_by_id(created.batch_id).status is BatchStatus.FAILED
