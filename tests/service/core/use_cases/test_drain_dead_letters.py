"""
What the queue gave up.
"""

from dataclasses import dataclass, replace

import pytest

from harness.service.core.model.batch import BatchStatus
from harness.service.core.model.job import JobStatus

VISIBILITY = 360


@dataclass
class ForgetfulQueue:
    """
    Says that a dead letter is deleted, and delivers it once more.
    """

    queue: object

    def receive_dead(self, *, limit, wait):
        return self.queue.receive_dead(limit=limit, wait=wait)

    def delete_dead(self, letter):
        pass


@pytest.fixture
def bury(world):
    """
    Let every message in the queue be received until it is dead.
    """

    def bury():
        for _ in range(5):
            world.queue.receive()
            world.clock.advance(VISIBILITY)
        world.queue.receive()

    return bury


class TestDrainDeadLetters:
    def test_fails_the_batch_and_counts_the_letter(self, world, bury):
        """
        A job that could not be started is not left waiting.
        """
        accepted = world.received()
        world.flush()
        bury()

        assert world.drain() == 1

        batch = world.batch_of(accepted.job_id)
        assert (batch.status, batch.error_code) == (BatchStatus.FAILED, "DLQ_REDRIVE")
        assert world.job(accepted.job_id).status is JobStatus.FAILED
        assert world.queue.dead_depth() == 0
        assert world.instruments.counts["media_processing_dlq_messages_total"] == 1
        assert world.instruments.entered[BatchStatus.FAILED] == 1

    def test_retry_in_vain_fails_again(self, world, bury):
        """
        A batch that waits for its second run is PROCESSING; it fails as well.
        """
        batch_id = world.job(world.ready().job_id).batch_id
        retried = world.retried(batch_id)
        world.flush()
        bury()

        world.drain()

        assert world.batch_of(retried.job_id).error_code == "DLQ_REDRIVE"

    def test_letter_that_comes_back_is_counted_once(self, world, bury):
        """
        Deleting it failed, so it is received again; it is the same letter.
        """
        world.queue.send_raw("poison")
        bury()
        assert replace(world.drain, queue=ForgetfulQueue(world.queue))() == 1
        world.clock.advance(VISIBILITY)

        assert world.drain() == 0
        assert world.instruments.counts["media_processing_dlq_messages_total"] == 1
        assert world.queue.dead_depth() == 0

    def test_crash_after_counting_still_fails_the_batch(self, world, bury):
        """
        The letter comes back; it is not counted again, but its batch learns of it.
        """
        accepted = world.received()
        world.flush()
        bury()
        with world.media.transaction() as tx:
            (letter,) = world.queue.receive_dead()
            tx.record_dead_letter(letter.id, accepted.job_id, letter.body, at=world.clock.now())
        world.clock.advance(VISIBILITY)

        assert world.drain() == 0
        assert world.batch_status(accepted.job_id) is BatchStatus.FAILED

    @pytest.mark.parametrize("body", ["poison", "", '{"jobId": 99}'])
    def test_letter_nobody_can_read_is_counted_and_gone(self, world, bury, body):
        """
        There is no batch to tell.
        """
        world.queue.send_raw(body)
        bury()

        assert world.drain() == 1
        assert world.queue.dead_depth() == 0

    def test_attributes_tell_whose_letter_it_is(self, world, bury):
        """
        A body that was mangled on its way still has its attributes.
        """
        accepted = world.received()
        world.queue.send_raw("mangled", {"JobId": str(accepted.job_id)})
        bury()

        world.drain()

        assert world.batch_of(accepted.job_id).error_code == "DLQ_REDRIVE"

    def test_unknown_job_is_counted_and_gone(self, world, bury):
        """
        A well-formed message about a job nobody created.
        """
        world.queue.send_raw('{"jobId":99,"batchId":"b","listingId":1,"attempt":1,"assets":[]}')
        bury()

        assert world.drain() == 1
        assert world.queue.dead_depth() == 0

    def test_batch_that_has_ended_stays_as_it_is(self, world, bury):
        """
        A dead copy of a message whose job went well does no harm.
        """
        accepted = world.received()
        world.flush()
        bury()
        world.handle(world.success(accepted.job_id))

        assert world.drain() == 1
        assert world.batch_status(accepted.job_id) is BatchStatus.READY
