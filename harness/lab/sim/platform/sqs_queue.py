"""
SQS, and the dispatchers that receive from it. Times are nanoseconds.

A waiting long poll gets a message as soon as it is visible. A message nobody deleted is visible again
after its time-out, and dead once it was received often enough.
"""

from collections import deque
from collections.abc import Callable

from harness.lab.sim.model.engine import Engine, nanoseconds
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.platform.latency_draws import Draws
from harness.lab.sim.platform.platform import DispatcherSettings, SqsSettings
from harness.lab.workload.draws import Stream
from harness.states_language.host_clock import Kind, order


class Message:
    """One message about a job. ``is_poisoned``: no receiver can read it."""

    __slots__ = ("deleted", "is_poisoned", "job", "receives")

    def __init__(self, job: MediaJob, is_poisoned: bool) -> None:
        self.job = job
        self.is_poisoned = is_poisoned
        self.receives = 0
        self.deleted = False


class SqsQueue:
    """
    The queue of jobs and its dispatchers.

    Args:
        visibility_timeout: In seconds, as *most_receives* in receives: the queue's own settings.
        handle: Deals with a message; tells whether it is done with and may be deleted.
        bury: Takes a dead letter.

    Attributes:
        sent, receives: Messages sent, and receive requests that brought messages [count].
        idle_time: How long dispatchers have waited in long polls, added up.
    """

    def __init__(
        self,
        engine: Engine,
        sqs: SqsSettings,
        dispatcher: DispatcherSettings,
        *,
        visibility_timeout: float,
        most_receives: int,
        seed: int,
        replication: int,
        handle: Callable[[Message], bool],
        bury: Callable[[Message], None],
    ) -> None:
        self._engine = engine
        self._visibility = nanoseconds(visibility_timeout)
        self._most_receives = most_receives
        self._batch_size = dispatcher.batch_size
        self._handle = handle
        self._bury = bury
        self._outbox = Draws(dispatcher.outbox_s, seed, replication, "outbox", 1)
        self._delivery = Draws(sqs.delivery_s, seed, replication, "sqs/delivery", 2)
        self._message_time = Draws(dispatcher.message_s, seed, replication, "dispatcher/message", 4)
        self._duplicate_rate = sqs.duplicate_rate
        self._duplicate = Stream(seed, replication, "platform/sqs/duplicate")
        self._visible: deque[Message] = deque()
        self._idle: deque[int] = deque([0] * dispatcher.threads)
        self.sent = 0
        self.receives = 0
        self.idle_time = 0

    @property
    def depth(self) -> int:
        """Visible messages."""
        return len(self._visible)

    def send(self, message: Message) -> None:
        """Send a message; it waits in the outbox, then on its way."""
        self.sent += 1
        arrival, attempt = message.job.batch.arrival, message.job.attempt
        delay = self._outbox(arrival, 0, attempt) + self._delivery(arrival, 0, attempt)
        self._appear_in(delay, message)
        if self._duplicate_rate and self._duplicate(arrival, 0, attempt) < self._duplicate_rate:
            self._appear_in(delay + self._delivery(arrival, 1, attempt), message)

    def _appear_in(self, delay: int, message: Message) -> None:
        key = order(Kind.VISIBLE_AGAIN, message.job.id, message.receives)
        self._engine.call_in(delay, key, lambda _: self._appear(message))

    def _appear(self, message: Message) -> None:
        if message.deleted:
            return
        if message.receives >= self._most_receives:
            message.deleted = True
            self._bury(message)
            return
        self._visible.append(message)
        if self._idle:
            self.idle_time += self._engine.now - self._idle.popleft()
            self._receive()

    def _receive(self) -> None:
        """Let a dispatcher take messages, or wait for one."""
        now = self._engine.now
        taken: list[Message] = []
        while self._visible and len(taken) < self._batch_size:
            message = self._visible.popleft()
            if not message.deleted:
                taken.append(message)
        if not taken:
            self._idle.append(now)
            return
        self.receives += 1
        spent = 0
        for message in taken:
            message.receives += 1
            job = message.job
            spent += self._message_time(job.batch.arrival, message.receives, job.attempt)
            self._work_on(message, spent, is_last=message is taken[-1])

    def _work_on(self, message: Message, spent: int, *, is_last: bool) -> None:
        left = self._visibility - spent
        if left <= 0:
            # Too slow: somebody else will get it before we are done.
            self._appear_in(self._visibility, message)

        def work(_: object) -> None:
            if message.deleted or self._handle(message):
                message.deleted = True
            elif left > 0:
                self._appear_in(left, message)
            if is_last:
                self._receive()

        key = order(Kind.DISPATCHED, message.job.id, message.receives)
        self._engine.call_in(spent, key, work)
