"""
Messages that transactions left behind.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from harness.service.core.errors import Unavailable
from harness.service.core.model.job import JobStatus


@dataclass
class CrashingQueue:
    """
    Accepts a message, and the process dies before it can write that down.
    """

    queue: object

    def send(self, message):
        self.queue.send(message)
        raise KeyboardInterrupt


class TestFlushOutbox:
    def test_sends_each_message_once(self, world):
        """
        What is acknowledged is not sent again.
        """
        world.received()

        assert world.flush() == 1
        assert world.flush() == 0
        assert world.queue.depth() == 1

    def test_sends_the_oldest_first(self, world):
        """
        Up to a limit, in the order of the transactions.
        """
        first = world.received(reference="first")
        world.received(reference="second")

        assert world.flush(limit=1) == 1

        (message,) = world.queue.receive()
        assert message.attributes["JobId"] == str(first.job_id)

    def test_queue_that_does_not_answer_loses_nothing(self, world):
        """
        The failure is counted, the message stays, the next flush sends it.
        """
        world.received(reference="first")
        world.received(reference="second")
        world.queue.available = False

        with pytest.raises(Unavailable):
            world.flush()
        assert [entry.attempts for entry in world.media.list_outbox()] == [1, 0]

        world.queue.available = True
        assert world.flush() == 2

    def test_crash_between_sending_and_noting_sends_twice(self, world):
        """
        At least once: the copy starts nothing new.
        """
        accepted = world.received()
        crashing = replace(world.flush, queue=CrashingQueue(world.queue))
        with pytest.raises(KeyboardInterrupt):
            crashing()

        assert world.flush() == 1
        assert world.queue.depth() == 2
        assert world.dispatch() == 2
        assert list(world.workflow.inputs) == [world.job(accepted.job_id).execution_name]
        assert world.job(accepted.job_id).status is JobStatus.RUNNING

    def test_rolled_back_transaction_leaves_no_message(self, world):
        """
        No message without its job, no job without its message.
        """
        accepted = world.received()
        message = world.media.list_outbox()[0].message
        world.flush()

        with suppress(ZeroDivisionError), world.media.transaction() as tx:
            tx.add_to_outbox(message)
            _ = 1 / 0

        assert world.flush() == 0
        assert world.media.get_last_message(accepted.job_id).sent_at == world.clock.now()
