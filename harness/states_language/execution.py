"""An execution of a state machine, and a position in it. Times are nanoseconds of the host's clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.states_language.program import AnyNode


class Status(StrEnum):
    """How an execution ended, in the words of Step Functions."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


@dataclass(slots=True, eq=False)
class Execution:
    """
    One execution: its input, its progress and its result.

    Attributes:
        entity: Number that keys the host's random numbers.
        subject: An object of the host; the language does not look at it.
        status: None until the execution has ended.
        failed_state: The state of the main branch that failed.
        events: Length of the event history, approximately as AWS counts it.
        transitions: States entered so far.
    """

    name: str
    input: Any
    entity: int = 0
    subject: Any = None
    started_at: int = 0
    status: Status | None = None
    error: str | None = None
    cause: str | None = None
    output: Any = None
    failed_state: str | None = None
    events: int = 0
    transitions: int = 0


@dataclass(slots=True, eq=False)
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

    execution: Execution
    item: int = 0
    thread: int = 0
    map_item: Mapping[str, Any] | None = None
    node: AnyNode | None = None
    entered_at: int = 0
    number: int = 1
