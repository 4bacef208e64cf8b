"""
The use case `DrainDeadLetters`.
"""

from dataclasses import dataclass, replace

import pytest

from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus

VISIBILITY = 360


@dataclass
class ForgetfulQueue:
    """
    A queue that delivers a deleted dead letter once more.
    """

    queue: object

    def receive_dead(self, *, limit, wait):
        return self.queue.receive_dead(limit=limit, wait=wait)

    def delete_dead(self, letter):
        pass


@pytest.fixture
def move_to_dead_letters(env):
    """
    Receive all messages until they are in the dead-letter queue.
    """

    def move_to_dead_letters():
        for _ in range(5):
            env.queue.receive()
            env.clock.advance(VISIBILITY)
        env.queue.receive()

    return move_to_dead_letters


class TestDrainDeadLetters:
    def test_fails_the_batch_and_counts_the_letter(self, env, move_to_dead_letters):
        """
        The batch of a job that could not be started fails.
        """
        accepted = env.received()
        env.flush()
        move_to_dead_letters()

        assert env.drain() == 1

        batch = env.batch_of(accepted.job_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "DLQ_REDRIVE")
        assert env.job(accepted.job_id).status is JobStatus.FAILED
        assert env.queue.dead_depth() == 0
        assert env.instruments.counts["media_processing_dlq_messages_total"] == 1
        assert env.instruments.entered[BatchStatus.FAILED] == 1

    def test_retry_that_cannot_be_started_fails_again(self, env, move_to_dead_letters):
        """
        A batch that waits for its second execution is PROCESSING; it fails as well.
        """
        batch_id = env.job(env.ready().job_id).batch_id
        retried = env.retried(batch_id)
        env.flush()
        move_to_dead_letters()

        env.drain()

        assert env.batch_of(retried.job_id).error_code == "DLQ_REDRIVE"

    def test_a_job_that_was_started_is_left_to_its_execution(self, env, move_to_dead_letters):
        """
        The dispatcher started it, but could not delete the message: its work must not be thrown away.
        """
        accepted = env.received()
        env.flush()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(env.queue, "delete", lambda _: None)
            env.dispatch()
        env.clock.advance(VISIBILITY)
        move_to_dead_letters()

        assert env.drain() == 1
        assert env.job(accepted.job_id).status is JobStatus.RUNNING
        assert env.batch_status(accepted.job_id) is BatchStatus.PROCESSING
        assert env.queue.dead_depth() == 0
        assert env.instruments.counts["media_processing_dlq_messages_total"] == 1

    def test_a_job_that_starts_meanwhile_is_left_to_its_execution(
        self, env, move_to_dead_letters, monkeypatch
    ):
        """
        A second copy of the message starts it after the drain has found no execution.
        """
        accepted = env.received()
        message = env.media.list_outbox()[0].message
        env.flush()
        move_to_dead_letters()
        env.queue.send(message)
        find = env.workflow.find

        def find_late(name):
            found = find(name)
            assert env.dispatch() == 1
            return found

        monkeypatch.setattr(env.workflow, "find", find_late)

        assert env.drain() == 1

        assert env.job(accepted.job_id).status is JobStatus.RUNNING
        env.handle(env.success(accepted.job_id))
        assert env.batch_status(accepted.job_id) is BatchStatus.READY

    def test_letter_that_comes_back_is_counted_once(self, env, move_to_dead_letters):
        """
        A dead letter that is received again after a failed deletion is counted once.
        """
        env.queue.send_raw("poison")
        move_to_dead_letters()
        assert replace(env.drain, queue=ForgetfulQueue(env.queue))() == 1
        env.clock.advance(VISIBILITY)

        assert env.drain() == 0
        assert env.instruments.counts["media_processing_dlq_messages_total"] == 1
        assert env.queue.dead_depth() == 0

    def test_crash_after_counting_still_fails_the_batch(self, env, move_to_dead_letters):
        """
        When the dead letter is received again, it is not counted again, but its batch fails.
        """
        accepted = env.received()
        env.flush()
        move_to_dead_letters()
        with env.media.transaction() as tx:
            (letter,) = env.queue.receive_dead()
            tx.record_dead_letter(letter.id, accepted.job_id, letter.body, at=env.clock.now())
        env.clock.advance(VISIBILITY)

        assert env.drain() == 0
        assert env.batch_status(accepted.job_id) is BatchStatus.FAILED

    @pytest.mark.parametrize("body", ["poison", "", '{"jobId": 99}'])
    def test_letter_that_is_not_valid_is_counted_and_deleted(self, env, move_to_dead_letters, body):
        """
        It belongs to no batch.
        """
        env.queue.send_raw(body)
        move_to_dead_letters()

        assert env.drain() == 1
        assert env.queue.dead_depth() == 0

    @pytest.mark.parametrize(
        "body",
        [
            '{"jobId":1e300,"batchId":"b","listingId":1,"attempt":1,"assets":[]}',
            '{"jobId":-1,"batchId":"b","listingId":1,"attempt":1,"assets":[]}',
            "mangled",
        ],
    )
    def test_an_id_that_no_job_can_have_is_unknown(self, env, move_to_dead_letters, caplog, body):
        """
        The database could not store it: the letter would come back for days.
        """
        env.queue.send_raw(body, {"JobId": "9" * 19})
        move_to_dead_letters()

        assert env.drain() == 1

        assert [record.job_id for record in caplog.records] == [None]

    def test_the_attributes_name_the_job(self, env, move_to_dead_letters):
        """
        If the body is not valid, the job id is read from the attributes.
        """
        accepted = env.received()
        env.queue.send_raw("mangled", {"JobId": str(accepted.job_id)})
        move_to_dead_letters()

        env.drain()

        assert env.batch_of(accepted.job_id).error_code == "DLQ_REDRIVE"

    def test_unknown_job_is_counted_and_deleted(self, env, move_to_dead_letters):
        """
        The message is valid, but the job does not exist.
        """
        env.queue.send_raw('{"jobId":99,"batchId":"b","listingId":1,"attempt":1,"assets":[]}')
        move_to_dead_letters()

        assert env.drain() == 1
        assert env.queue.dead_depth() == 0

    def test_batch_that_has_ended_stays_as_it_is(self, env, move_to_dead_letters):
        """
        A second copy of the message of an ended job changes nothing.
        """
        accepted = env.received()
        env.flush()
        move_to_dead_letters()
        env.handle(env.success(accepted.job_id))

        assert env.drain() == 1
        assert env.batch_status(accepted.job_id) is BatchStatus.READY
