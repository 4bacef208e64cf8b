"""
The queue in memory delivers at least once, when a rehearsal wants it to.
"""

from datetime import timedelta

import pytest

from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.job_queue import InMemoryJobQueue

VISIBILITY = 360


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def queue(clock):
    return InMemoryJobQueue(clock, visibility=VISIBILITY, max_receive_count=2)


def test_a_message_in_flight_can_be_delivered_again_at_once(queue):
    """
    Before its visibility time-out; the receive counts as any other.
    """
    queue.send_raw("one")
    (first,) = queue.receive()
    assert queue.receive() == []
    queue.redeliver(first)
    (second,) = queue.receive()

    assert (second.id, second.body, second.receive_count) == (first.id, "one", 2)


def test_an_acknowledged_message_can_come_back(queue):
    """
    SQS deletes from all its servers in time, not at once.
    """
    queue.send_raw("one", {"JobId": "7"})
    (first,) = queue.receive()
    queue.delete(first)
    queue.redeliver(first)
    (second,) = queue.receive()

    assert (second.id, second.attributes, second.receive_count) == (first.id, {"JobId": "7"}, 2)
    assert queue.depth() == 1


def test_the_time_of_the_next_delivery(queue, clock):
    """
    Of messages in flight only; a dead letter counts, too.
    """
    queue.send_raw("one")
    assert queue.next_visible() is None
    queue.receive()
    assert queue.next_visible() == clock.now() + timedelta(seconds=VISIBILITY)
    clock.advance(VISIBILITY)
    queue.receive()
    clock.advance(VISIBILITY)
    queue.receive()
    assert (queue.depth(), queue.dead_depth()) == (0, 1)
    queue.receive_dead()
    assert queue.next_visible() == clock.now() + timedelta(seconds=VISIBILITY)
