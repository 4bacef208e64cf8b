"""
Replaces moto's standard queues: constant cost per message, safe for threads, on a scaled clock.

moto walks all messages of a queue to send, receive, delete or describe (17 sends a second at a depth of
3,000), and concurrent receivers make it fail ("Set changed size during iteration"). Here a message is in
exactly one of three places (ready, in flight, delayed) and is found by id or receipt handle; a heap has the
next change of place. FIFO queues keep moto's code, under the same lock. Times here are milliseconds since
the epoch, as in moto.
"""

import copy
import heapq
import itertools
import json
import time
import uuid
from collections.abc import Callable
from functools import partialmethod
from typing import Any

import moto.sqs.models as sqs
from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import InvalidParameterValue, ReceiptHandleIsInvalid

from harness.stack.aws.moto_patches.source import replace

INVISIBLE_MS_MAX = 43_200_000
PAUSE_S_MAX = 1.0
KEPT_DELETIONS = 10_000

_add_message_of_moto = sqs.Queue.add_message
_delete_message_of_moto = sqs.Queue.delete_message
_receive_message_of_moto = sqs.SQSBackend.receive_message
_change_visibility_of_moto = sqs.SQSBackend.change_message_visibility
_purge_queue_of_moto = sqs.SQSBackend.purge_queue


class MessageBuffer:
    """
    The messages of one standard queue by place.

    Not thread-safe: callers hold the ``_messages_lock`` of the queue.
    """

    def __init__(self) -> None:
        self.ready: dict[str, sqs.Message] = {}
        self.in_flight: dict[str, sqs.Message] = {}
        self.delayed: dict[str, sqs.Message] = {}
        self.deleted: dict[str, None] = {}
        self._by_receipt: dict[str, sqs.Message] = {}
        self._receipts: dict[str, list[str]] = {}
        self._changes: list[tuple[float, int, str]] = []
        self._due: dict[str, int] = {}
        self._ticket = itertools.count()

    def put(self, message: sqs.Message) -> None:
        """Add a new message: ready at once, or delayed."""
        self._move(message, self.delayed, message.delayed_until)

    def put_again(self, message: sqs.Message) -> None:
        """Add a copy of a new message, with an id of its own: the queue delivers it twice."""
        twin = copy.copy(message)
        twin.id = str(uuid.uuid4())
        self.put(twin)

    def hide(self, message: sqs.Message, until: float) -> None:
        """Make a message invisible until *until*; ready at once if that has passed."""
        self._move(message, self.in_flight, until)

    def remember_receipt(self, message: sqs.Message) -> None:
        self._by_receipt[message.receipt_handle] = message
        self._receipts.setdefault(message.id, []).append(message.receipt_handle)

    def find(self, receipt: str) -> sqs.Message | None:
        """Return the message that has or had this receipt handle."""
        return self._by_receipt.get(receipt)

    def drop(self, message: sqs.Message) -> None:
        for place in (self.ready, self.in_flight, self.delayed):
            place.pop(message.id, None)
        self._due.pop(message.id, None)
        for receipt in self._receipts.pop(message.id, ()):
            del self._by_receipt[receipt]

    def release_due(self, now: float) -> float | None:
        """Make the messages ready that are due; return the time of the next change, None if there is none."""
        while self._changes:
            due, ticket, message_id = self._changes[0]
            if self._due.get(message_id) != ticket:
                heapq.heappop(self._changes)  # outdated: the message has moved or was deleted
            elif due > now:
                return due
            else:
                heapq.heappop(self._changes)
                message = self.in_flight.get(message_id) or self.delayed[message_id]
                self._move(message, self.ready, 0.0)
        return None

    def remember_deletion(self, receipt_handle: str) -> None:
        """Keep the receipt of a deleted message, which may be deleted again; the oldest are forgotten."""
        self.deleted[receipt_handle] = None
        if len(self.deleted) > KEPT_DELETIONS:
            del self.deleted[next(iter(self.deleted))]

    def _move(self, message: sqs.Message, place: dict[str, sqs.Message], until: float) -> None:
        for other in (self.ready, self.in_flight, self.delayed):
            other.pop(message.id, None)
        self._due.pop(message.id, None)
        if until <= unix_time_millis():
            self.ready[message.id] = message
            return
        place[message.id] = message
        self._due[message.id] = ticket = next(self._ticket)
        heapq.heappush(self._changes, (until, ticket, message.id))


def install(
    time_scale: float,
    poison: Callable[[str], str] | None = None,
    is_doubled: Callable[[str], bool] | None = None,
) -> None:
    """
    Replace moto's standard queues.

    Args:
        time_scale: Visibility time-outs, delays and retention pass this many times faster.
        poison: Changes message bodies on their way to the receiver.
        is_doubled: Says which message bodies are delivered twice.
    """
    replace(sqs.Queue, "attributes", "ddf035405648", property(_attributes))
    replace(sqs.Queue, "messages", "67cdc0178b71", property(_messages))
    for name, place, known in (
        ("approximate_number_of_messages_delayed", "delayed", "e69b37fb9778"),
        ("approximate_number_of_messages_not_visible", "in_flight", "e411bdffb391"),
        ("approximate_number_of_messages", "ready", "58ad3ae41935"),
    ):
        replace(sqs.Queue, name, known, _count(name, place))
    replace(sqs.Queue, "add_message", "2ea74b872868", partialmethod(_add_message, is_doubled))
    replace(sqs.Queue, "delete_message", "9c3d8164626a", _delete_message)
    _scale_messages(time_scale)
    backend = sqs.SQSBackend
    replace(backend, "receive_message", "79cac41881a0", partialmethod(_receive_message, time_scale, poison))
    replace(backend, "change_message_visibility", "9c89525e42fd", _change_visibility)
    replace(backend, "purge_queue", "1323c7074812", _purge_queue)


def buffer_of(queue: sqs.Queue) -> MessageBuffer:
    """Return the message buffer of a standard queue, made on first use."""
    try:
        buffer: MessageBuffer = queue.buffer
    except AttributeError:
        buffer = queue.buffer = MessageBuffer()
    return buffer


_SNAKE: dict[str, str] = {
    name: sqs.camelcase_to_underscores(name)
    for name in (*sqs.Queue.BASE_ATTRIBUTES, *sqs.Queue.FIFO_ATTRIBUTES, *sqs.Queue.KMS_ATTRIBUTES)
}


def _attributes(queue: sqs.Queue) -> dict[str, Any]:
    # As in moto, but without fourteen regular expressions for every message sent.
    names = list(sqs.Queue.BASE_ATTRIBUTES)
    if queue.fifo_queue:
        names += sqs.Queue.FIFO_ATTRIBUTES
    if queue.kms_master_key_id:
        names += sqs.Queue.KMS_ATTRIBUTES
    found = {name: getattr(queue, _SNAKE[name]) for name in names}
    if queue.policy:
        found["Policy"] = queue.policy
    if queue.redrive_policy:
        found["RedrivePolicy"] = json.dumps(queue.redrive_policy)
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in found.items()}


def _messages(queue: sqs.Queue) -> list[sqs.Message]:
    if queue.fifo_queue:
        return [message for message in queue._messages if message.visible and not message.delayed]
    with queue._messages_lock:
        buffer = buffer_of(queue)
        buffer.release_due(unix_time_millis())
        return list(buffer.ready.values())


def _count(name: str, place: str) -> property:
    original = vars(sqs.Queue)[name].fget

    def count(queue: sqs.Queue) -> int:
        if queue.fifo_queue:
            return int(original(queue))
        with queue._messages_lock:
            buffer = buffer_of(queue)
            buffer.release_due(unix_time_millis())
            return len(getattr(buffer, place))

    return property(count)


def _add_message(queue: sqs.Queue, is_doubled: Callable[[str], bool] | None, message: sqs.Message) -> None:
    if queue.fifo_queue:
        with queue._messages_lock:
            _add_message_of_moto(queue, message)
        return
    with queue._messages_lock:
        buffer_of(queue).put(message)
        # One that goes to the dead-letter queue was received before.
        if is_doubled is not None and not message.approximate_receive_count and is_doubled(message.body):
            buffer_of(queue).put_again(message)
        queue._messages_lock.notify_all()
    if queue.lambda_event_source_mappings:
        # moto passes the queue to its Lambda functions; its own list of messages is not used.
        _add_message_of_moto(queue, message)
        queue._messages.clear()


def _delete_message(queue: sqs.Queue, receipt_handle: str) -> None:
    with queue._messages_lock:
        if queue.fifo_queue:
            _delete_message_of_moto(queue, receipt_handle)
            return
        buffer = buffer_of(queue)
        if receipt_handle in buffer.deleted:
            return
        message = buffer.find(receipt_handle)
        if message is None:
            raise ReceiptHandleIsInvalid
        buffer.drop(message)
        buffer.remember_deletion(receipt_handle)


def _scale_messages(time_scale: float) -> None:
    def change_visibility(message: sqs.Message, visibility_timeout: int) -> None:
        message.visible_at = unix_time_millis() + 1000 * int(visibility_timeout) / time_scale

    def delay(message: sqs.Message, delay_seconds: int) -> None:
        message.delayed_until = unix_time_millis() + 1000 * int(delay_seconds) / time_scale

    replace(sqs.Message, "change_visibility", "e78bd2f5e2d4", change_visibility)
    replace(sqs.Message, "delay", "63024980710c", delay)


def _receive_message(
    backend: sqs.SQSBackend,
    time_scale: float,
    poison: Callable[[str], str] | None,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[sqs.Message]:
    queue = backend.get_queue(queue_name)
    deadline = time.monotonic() + (wait_seconds_timeout or 0)
    while True:
        with queue._messages_lock:
            due = None
            if queue.fifo_queue:
                taken = _receive_message_of_moto(
                    backend, queue_name, count, 0, visibility_timeout, message_attribute_names
                )
            else:
                due = buffer_of(queue).release_due(unix_time_millis())
                taken = _take(queue, count, visibility_timeout, time_scale)
            left = deadline - time.monotonic()
            if taken or left <= 0:
                break
            pause = PAUSE_S_MAX if due is None else (due - unix_time_millis()) / 1000
            # A redrive may add messages without a notification: never wait long.
            queue._messages_lock.wait(max(0.001, min(left, pause, PAUSE_S_MAX)))
    for message in taken:
        sqs._filter_message_attributes(message, message_attribute_names or [])
        message.body = poison(message.body) if poison else message.body
    return taken


def _take(queue: sqs.Queue, count: int, visibility_timeout: int, time_scale: float) -> list[sqs.Message]:
    """Take up to *count* ready messages, without the expired ones and those for the dead-letter queue."""
    buffer = buffer_of(queue)
    kept_ms = 1000 * queue.message_retention_period / time_scale
    now = unix_time_millis()
    taken: list[sqs.Message] = []
    while buffer.ready and not taken:
        for message in list(itertools.islice(buffer.ready.values(), count)):
            if message.sent_timestamp + kept_ms <= now:
                buffer.drop(message)
            elif _is_dead_letter(queue, message):
                buffer.drop(message)
                queue.dead_letter_queue.add_message(message)
            else:
                message.mark_received(visibility_timeout=visibility_timeout)
                buffer.remember_receipt(message)
                buffer.hide(message, message.visible_at)
                taken.append(copy.copy(message))
    return taken


def _is_dead_letter(queue: sqs.Queue, message: sqs.Message) -> bool:
    return bool(
        queue.dead_letter_queue is not None
        and queue.redrive_policy
        and message.approximate_receive_count >= queue.redrive_policy["maxReceiveCount"]
    )


def _change_visibility(
    backend: sqs.SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
) -> None:
    queue = backend.get_queue(queue_name)
    with queue._messages_lock:
        if queue.fifo_queue:
            _change_visibility_of_moto(backend, queue_name, receipt_handle, visibility_timeout)
            return
        message = buffer_of(queue).find(receipt_handle)
        if message is None:
            raise ReceiptHandleIsInvalid
        until = unix_time_millis() + 1000 * int(visibility_timeout)
        if until - message.sent_timestamp > INVISIBLE_MS_MAX:
            raise InvalidParameterValue(
                f"Value {visibility_timeout} for parameter VisibilityTimeout is invalid. Reason: Total "
                "VisibilityTimeout for the message is beyond the limit [43200 seconds]"
            )
        message.change_visibility(visibility_timeout)
        buffer_of(queue).hide(message, message.visible_at)
        queue._messages_lock.notify_all()


def _purge_queue(backend: sqs.SQSBackend, queue_name: str) -> None:
    queue = backend.get_queue(queue_name)
    with queue._messages_lock:
        _purge_queue_of_moto(backend, queue_name)
        queue.buffer = MessageBuffer()
