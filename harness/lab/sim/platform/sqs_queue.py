"""
SQS, and the dispatchers that receive from it. Times are nanoseconds.

A waiting long poll receives a message as soon as it is visible. A message that is not deleted becomes visible
again after the visibility time-out, and goes to the dead-letter queue after the most allowed receives.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.engine import Engine
from harness.lab.sim.model.jobs import MediaJob
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

    Attributes:
        receives: Number of receive requests that returned messages.
        idle_time: Sum of the time that dispatchers waited in long polls.
    """

    def __init__(
        self,
        engine: Engine,
        sqs: SqsSettings,
        dispatcher: DispatcherSettings,
        source: RandomSource,
        *,
        visibility_timeout: float,
        max_receive_count: int,
        handle: Callable[[Message], bool],
        dead_letter: Callable[[Message], None],
    ) -> None:
        self._engine = engine
        self._visibility_timeout = nanoseconds(visibility_timeout)
        self._max_receive_count = max_receive_count
        self._batch_size = dispatcher.batch_size
        self._handle = handle
        self._dead_letter = dead_letter
        self._outbox = source.latencies(dispatcher.outbox_s, "outbox", 1)
        self._delivery = source.latencies(sqs.delivery_s, "sqs/delivery", 2)
        self._message_time = source.latencies(dispatcher.message_s, "dispatcher/message", 4)
        self._duplicate_rate = sqs.duplicate_rate
        self._duplicate = source.stream("platform/sqs/duplicate")
        self._visible: deque[Message] = deque()
        self._idle: deque[int] = deque([0] * dispatcher.threads)
        self.sent = self.receives = self.idle_time = 0

    @property
    def depth(self) -> int:
        """Number of visible messages."""
        return len(self._visible)

    def send(self, message: Message) -> None:
        """Send a message: it becomes visible after its time in the outbox and its delivery."""
        self.sent += 1
        arrival, attempt = message.job.batch.arrival, message.job.attempt
        delay = self._outbox(arrival, 0, attempt) + self._delivery(arrival, 0, attempt)
        self._appear_in(delay, message)
        if self._duplicate_rate and self._duplicate(arrival, 0, attempt) < self._duplicate_rate:
            self._appear_in(delay + self._delivery(arrival, 1, attempt), message)

    def _appear_in(self, delay: int, message: Message) -> None:
        key = order(Kind.VISIBLE_AGAIN, message.job.id, message.receives)
        self._engine.call_in(delay, key, partial(self._appear, message))

    def _appear(self, message: Message) -> None:
        if message.deleted:
            return
        if message.receives >= self._max_receive_count:
            message.deleted = True
            self._dead_letter(message)
            return
        self._visible.append(message)
        if self._idle:
            self.idle_time += self._engine.now - self._idle.popleft()
            self._receive()

    def _receive(self) -> None:
        """Let a dispatcher receive messages, or wait for one."""
        now = self._engine.now
        received: list[Message] = []
        while self._visible and len(received) < self._batch_size:
            message = self._visible.popleft()
            if not message.deleted:
                received.append(message)
        if not received:
            self._idle.append(now)
            return
        self.receives += 1
        spent = 0
        for message in received:
            message.receives += 1
            job = message.job
            spent += self._message_time(job.batch.arrival, message.receives, job.attempt)
            self._process_in(spent, message, is_last=message is received[-1])

    def _process_in(self, delay: int, message: Message, *, is_last: bool) -> None:
        left = self._visibility_timeout - delay
        if left <= 0:
            # Too slow: the message becomes visible again before it is processed.
            self._appear_in(self._visibility_timeout, message)

        def process() -> None:
            if message.deleted or self._handle(message):
                message.deleted = True
            elif left > 0:
                self._appear_in(left, message)
            if is_last:
                self._receive()

        self._engine.call_in(delay, order(Kind.DISPATCHED, message.job.id, message.receives), process)
