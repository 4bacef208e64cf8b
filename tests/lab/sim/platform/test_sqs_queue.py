"""
The queue and its dispatchers, as SimPy processes.
"""

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.jobs import MediaBatch, MediaJob
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import DispatcherSettings, SqsSettings
from harness.lab.sim.platform.sqs_queue import Message, SqsQueue
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.upload_batch import UploadBatch
from harness.states_language.host import NS


def message(number):
    batch = MediaBatch(UploadBatch(number, "photo_shoot", 0), str(number), 1, 0)
    return Message(MediaJob(number, batch, 1, 0), is_poisoned=False)


class Handled:
    """A queue with dispatchers that take a second for a message, and the times at which each was handled."""

    def __init__(self, threads=1, visibility_timeout=100.0, batch_size=10, succeeds=lambda _: True):
        self.env = OrderedEnvironment()
        self.times = []
        self.dead = []

        def handle(message):
            self.times.append((message.job.id, self.env.now / NS))
            return succeeds(message)

        self.queue = SqsQueue(
            self.env,
            SqsSettings(delivery_s=Constant(value=0)),
            DispatcherSettings(
                threads=threads,
                batch_size=batch_size,
                message_s=Constant(value=1),
                outbox_s=Constant(value=0),
            ),
            RandomSource(1, 0),
            visibility_timeout=visibility_timeout,
            max_receive_count=2,
            handle=handle,
            dead_letter=lambda message: self.dead.append((message.job.id, self.env.now / NS)),
        )

    def send_at(self, seconds, *messages):
        for each in messages:
            key = order(Kind.ARRIVAL, each.job.id)
            self.env.call_in(round(seconds * NS), key, lambda each=each: self.queue.send(each))
        return self


class TestDispatchers:
    def test_one_message_after_the_other(self):
        """
        One dispatcher receives what is there as a batch, and handles it in order.
        """
        played = Handled().send_at(0, message(1), message(2), message(3))
        played.env.run()

        assert played.times == [(1, 1.0), (2, 2.0), (3, 3.0)]
        assert played.queue.receives == 2

    def test_two_at_once(self):
        """
        The dispatcher that has waited longest receives the next message.
        """
        played = Handled(threads=2).send_at(0, message(1), message(2)).send_at(5, message(3))
        played.env.run()

        assert played.times == [(1, 1.0), (2, 1.0), (3, 6.0)]
        assert played.queue.idle_time == 5 * NS - 1 * NS

    def test_the_same_message_twice_in_a_batch(self):
        """
        A dispatcher that receives a message twice stays one dispatcher.
        """
        twice = message(2)
        played = Handled().send_at(0, message(1), twice, twice).send_at(3.5, message(3), message(4))
        played.env.run()

        assert played.times == [(1, 1.0), (2, 2.0), (3, 4.5), (4, 5.5)]


class TestVisibility:
    def test_visible_again_while_it_waits_in_a_batch(self):
        """
        A message whose turn comes after the visibility time-out is received again, then is a dead letter.
        """
        played = Handled(visibility_timeout=2.5, succeeds=lambda message: message.job.id != 4)
        played.send_at(0, message(1)).send_at(0.5, message(2), message(3), message(4))
        played.env.run()

        assert played.times == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (4, 5.0)]
        assert played.dead == [(4, 6.5)]
