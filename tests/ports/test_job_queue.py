"""
The contract of `JobQueue`.
"""

from typing import Any

from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job_message import JobMessage

MESSAGE = JobMessage(
    job_id=JobId(41),
    batch_id=BatchId("0b6e2f9e-0000-4000-8000-000000000000"),
    listing_id=ListingId(7),
    attempt=1,
    assets=({"key": "7/raw/ä.jpg", "type": "PHOTO_VERTICAL", "bytes": 5},),
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


class TestReceive:
    def test_a_message_arrives_as_it_was_sent(self, queue: Any) -> None:
        """
        Body and attributes are received unchanged.
        """
        queue.queue.send(MESSAGE)

        [received] = queue.queue.receive()

        assert JobMessage.parse(received.body, received.attributes) == MESSAGE
        assert received.attributes == {
            "Traceparent": MESSAGE.traceparent,
            "ListingId": "7",
            "BatchId": MESSAGE.batch_id,
            "JobId": "41",
        }
        assert received.receive_count == 1

    def test_an_empty_queue_gives_nothing(self, queue: Any) -> None:
        """
        An empty queue and an empty dead-letter queue return no message.
        """
        assert queue.queue.receive() == []
        assert queue.queue.receive_dead() == []

    def test_the_limit_is_respected(self, queue: Any) -> None:
        """
        The other messages stay in the queue.
        """
        for _ in range(3):
            queue.queue.send(MESSAGE)

        assert len(queue.queue.receive(limit=2)) == 2
        assert len(queue.queue.receive(limit=2)) == 1

    def test_a_received_message_is_hidden_until_its_time_is_over(self, queue: Any) -> None:
        """
        After the visibility time-out it is received again, with the same id.
        """
        queue.queue.send(MESSAGE)
        [first] = queue.queue.receive()
        hidden = queue.queue.receive()
        queue.let_time_pass()
        [again] = queue.queue.receive()

        assert hidden == []
        assert (again.id, again.receive_count) == (first.id, 2)

    def test_a_deleted_message_never_comes_again(self, queue: Any) -> None:
        """
        A deleted message is not received again.
        """
        queue.queue.send(MESSAGE)
        [received] = queue.queue.receive()
        queue.let_time_pass()
        queue.queue.delete(received)

        assert queue.queue.receive() == []


class TestDeadLetters:
    def test_a_message_received_too_often_moves_to_the_dead_letter_queue(self, queue: Any) -> None:
        """
        After the maximum number of receives it is in the dead-letter queue only, with body and attributes.
        """
        sent = queue.queue.send(MESSAGE)
        for _ in range(2):
            queue.queue.receive()
            queue.let_time_pass()

        alive = queue.queue.receive()
        [dead] = queue.queue.receive_dead()

        assert alive == []
        assert dead.id == sent
        assert JobMessage.parse(dead.body, dead.attributes) == MESSAGE

    def test_a_deleted_dead_letter_is_gone(self, queue: Any) -> None:
        """
        A message with any body reaches the dead-letter queue and can be deleted there.
        """
        queue.send_raw("not json")
        for _ in range(2):
            queue.queue.receive()
            queue.let_time_pass()
        queue.queue.receive()
        [dead] = queue.queue.receive_dead()

        queue.queue.delete_dead(dead)

        assert dead.body == "not json"
        assert dead.attributes == {}
        assert queue.queue.receive_dead() == []


def test_it_answers_a_ping(queue: Any) -> None:
    """
    A ping returns without an error.
    """
    queue.queue.ping()
