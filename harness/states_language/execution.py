"""
An execution of a state machine, and a position in it. Times are nanoseconds of the host's clock.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from harness.states_language.program import AnyNode


class Status(StrEnum):
    """How an execution ended, in the words of Step Functions."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


class Execution:
    """
    One execution: its input, its progress and its result.

    Args:
        data: The input.
        entity: Number that keys the host's random numbers.
        subject: An object of the host; the language does not look at it.

    Attributes:
        status: None until the execution has ended.
        output: The result of an execution that succeeded.
        failed_state: The state of the main branch that failed.
        events: Length of the event history, approximately as AWS counts it.
        transitions: States entered so far.
    """

    __slots__ = (
        "cause", "entity", "error", "events", "failed_state", "input", "name", "output", "started_at",
        "status", "subject", "transitions",
    )  # fmt: skip

    def __init__(self, name: str, data: Any, entity: int = 0, subject: Any = None) -> None:
        self.name = name
        self.input = data
        self.entity = entity
        self.subject = subject
        self.started_at = 0
        self.status: Status | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.output: Any = None
        self.failed_state: str | None = None
        self.events = 0
        self.transitions = 0


class Position:
    """
    The place of one branch of an execution: its item and the state it is in.

    Attributes:
        item: Index in the innermost Map, 0 outside of any.
        thread: Number that distinguishes the iterations of nested Maps; equals *item* in a single Map.
        map_item: ``$$.Map.Item`` of an iteration.
        node: The state entered last; None before the first one.
        number: Number of the attempt at that state, from 1.
    """

    __slots__ = ("entered_at", "execution", "item", "map_item", "node", "number", "thread")

    def __init__(
        self, execution: Execution, item: int = 0, thread: int = 0, map_item: Mapping[str, Any] | None = None
    ) -> None:
        self.execution = execution
        self.item = item
        self.thread = thread
        self.map_item = map_item
        self.node: AnyNode | None = None
        self.entered_at = 0
        self.number = 1
