"""
The use case `FlushOutbox`.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

import pytest

from harness.service.core.errors import Unavailable
from harness.service.core.model.job import JobStatus


@dataclass
class CrashingQueue:
    """
    A queue that accepts a message and then raises an error, as if the process crashed.
    """

    queue: object

    def send(self, message):
        self.queue.send(message)
        raise KeyboardInterrupt


@dataclass
class RefusingQueue:
    """
    A queue that refuses the message of one job each time, as SQS refuses a character outside XML.
    """

    queue: object
    refused: int

    def send(self, message):
        if message.job_id == self.refused:
            raise ValueError("InvalidMessageContents")
        return self.queue.send(message)


class TestFlushOutbox:
    def test_sends_each_message_once(self, env):
        """
        A message that is acknowledged is not sent again.
        """
        env.received()

        assert env.flush() == 1
        assert env.flush() == 0
        assert env.queue.depth() == 1

    def test_sends_the_oldest_first(self, env):
        """
        In the order of the transactions, up to a limit.
        """
        first = env.received(reference="first")
        env.received(reference="second")

        assert env.flush(limit=1) == 1

        (message,) = env.queue.receive()
        assert message.attributes["JobId"] == str(first.job_id)

    def test_queue_that_does_not_answer_loses_nothing(self, env):
        """
        The failure is counted, the message stays, and the next flush sends it.
        """
        env.received(reference="first")
        env.received(reference="second")
        env.queue.available = False

        with pytest.raises(Unavailable):
            env.flush()
        assert [entry.attempts for entry in env.media.list_outbox()] == [1, 0]

        env.queue.available = True
        assert env.flush() == 2

    def test_a_message_that_is_refused_does_not_hold_back_the_others(self, env):
        """
        Its attempt is counted, and it stays; the error is raised after the last message.
        """
        env.received(reference="first")
        accepted = env.received(reference="second")
        refused = env.media.list_outbox()[0]
        flush = replace(env.flush, queue=RefusingQueue(env.queue, refused.message.job_id))

        with pytest.raises(ExceptionGroup, match="1 failed, 1 done"):
            flush()

        assert [(entry.id, entry.attempts) for entry in env.media.list_outbox()] == [(refused.id, 1)]
        (message,) = env.queue.receive()
        assert message.attributes["JobId"] == str(accepted.job_id)

    def test_crash_before_the_record_sends_twice(self, env):
        """
        At least once: the copy starts no second execution.
        """
        accepted = env.received()
        crashing = replace(env.flush, queue=CrashingQueue(env.queue))
        with pytest.raises(KeyboardInterrupt):
            crashing()

        assert env.flush() == 1
        assert env.queue.depth() == 2
        assert env.dispatch() == 2
        assert list(env.workflow.inputs) == [env.job(accepted.job_id).execution_name]
        assert env.job(accepted.job_id).status is JobStatus.RUNNING

    def test_rolled_back_transaction_leaves_no_message(self, env):
        """
        Job and message are stored together or not at all.
        """
        accepted = env.received()
        message = env.media.list_outbox()[0].message
        env.flush()

        with suppress(ZeroDivisionError), env.media.transaction() as tx:
            tx.add_to_outbox(message)
            _ = 1 / 0

        assert env.flush() == 0
        assert env.media.get_last_message(accepted.job_id).sent_at == env.clock.now()
