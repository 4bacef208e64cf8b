"""
SQS, and the dispatchers that receive from it. Times are nanoseconds.

A waiting long poll receives a message as soon as it is visible. A message that is not deleted becomes visible
again after the visibility time-out, and goes to the dead-letter queue after the most allowed receives.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy
from simpy.events import Event, ProcessGenerator

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import DispatcherSettings, SqsSettings
from harness.states_language.host import nanoseconds


@dataclass(slots=True, eq=False)
class Message:
    """A message about a job; a receiver cannot read it if it ``is_poisoned``."""

    job: MediaJob
    is_poisoned: bool
    receives: int = 0
    deleted: bool = False


class SqsQueue:
    """
    The queue of jobs and its dispatchers.

    Args:
        visibility_timeout: Visibility time-out of the queue [s].
        handle: Processes a message; returns whether it may be deleted.
        dead_letter: Takes a message that goes to the dead-letter queue.
        host: The machine on which the dispatchers work; by default nothing delays them.

    Attributes:
        receives: Number of receive requests that returned messages.
        idle_time: Sum of the time that dispatchers waited in long polls that have returned messages.
    """

    def __init__(
        self,
        env: OrderedEnvironment,
        sqs: SqsSettings,
        dispatcher: DispatcherSettings,
        source: RandomSource,
        *,
        visibility_timeout: float,
        max_receive_count: int,
        handle: Callable[[Message], bool],
        dead_letter: Callable[[Message], None],
        host: HostWork | None = None,
    ) -> None:
        self._env = env
        self._host = host or HostWork(env)
        self._visibility_timeout = nanoseconds(visibility_timeout)
        self._max_receive_count = max_receive_count
        self._batch_size = dispatcher.batch_size
        self._handle = handle
        self._dead_letter = dead_letter
        self._outbox = source.latencies(dispatcher.outbox_s, "outbox", 1)
        self._delivery = source.latencies(sqs.delivery_s, "sqs/delivery", 2)
        self._message_time = source.latencies(dispatcher.message_s, "dispatcher/message", 2)
        self._duplicate_rate = sqs.duplicate_rate
        self._duplicate = source.stream("platform/sqs/duplicate")
        self._visible = simpy.Store(env)
        self.sent = self.receives = self.idle_time = 0
        for _ in range(dispatcher.threads):
            env.process(self._dispatcher())

    @property
    def depth(self) -> int:
        """Number of visible messages."""
        return len(self._visible.items)

    def send(self, message: Message) -> None:
        """Send a message: it becomes visible after its time in the outbox and its delivery."""
        self.sent += 1
        arrival, attempt = message.job.batch.arrival, message.job.attempt
        delay = self._outbox(arrival, 0, attempt) + self._delivery(arrival, 0, attempt)
        self._appear_in(delay, message)
        if self._duplicate_rate and self._duplicate(arrival, 0, attempt) < self._duplicate_rate:
            self._appear_in(delay + self._delivery(arrival, 1, attempt), message)

    def _appear_in(self, delay: int, message: Message) -> None:
        self._env.process(self._delivered(delay, message))

    def _delivered(self, delay: int, message: Message) -> ProcessGenerator:
        """Process of a message that is invisible for some time."""
        yield self._env.after(delay, order(Kind.VISIBLE_AGAIN, message.job.id, message.receives))
        if message.deleted:
            return
        if message.receives < self._max_receive_count:
            self._visible.put(message)
        else:
            message.deleted = True
            self._dead_letter(message)

    def _dispatcher(self) -> ProcessGenerator:
        """Process of one dispatcher: it receives messages, and handles them one after the other."""
        while True:
            received = yield from self._receive()
            received_at = self._env.now
            for message, number, spent in self._work_on(received):
                key = order(Kind.DISPATCHED, message.job.id, number)
                yield from self._host.take(
                    max(0, received_at + spent - self._env.now), self._host.message, key
                )
                left = self._visibility_timeout - spent
                if message.deleted or self._handle(message):
                    message.deleted = True
                elif left > 0:
                    self._appear_in(left, message)

    def _receive(self) -> Generator[Event, Any, list[Message]]:
        """Wait for messages, and return as many as there are, up to a batch."""
        waiting = self._visible.items
        while True:
            waits_since = self._env.now
            message = yield self._visible.get()
            self.idle_time += self._env.now - waits_since
            received = [] if message.deleted else [message]
            while waiting and len(received) < self._batch_size:
                message = waiting.pop(0)
                if not message.deleted:
                    received.append(message)
            if received:
                self.receives += 1
                return received

    def _work_on(self, received: list[Message]) -> list[tuple[Message, int, int]]:
        """Return each message with the number of its receive, and when it will be handled."""
        work, spent = [], 0
        for message in received:
            message.receives += 1
            job, number = message.job, message.receives
            spent += self._message_time(job.batch.arrival, number, job.attempt)
            work.append((message, number, spent))
            if spent >= self._visibility_timeout:
                # Too slow: the message becomes visible again before it is handled.
                self._appear_in(self._visibility_timeout, message)
        return work
