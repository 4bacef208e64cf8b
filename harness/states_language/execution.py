"""
Executions of a state machine.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

from harness.states_language.context_object import timestamp
from harness.states_language.host_clock import Deadline
from harness.states_language.program import Program
from harness.states_language.state_entry import VISITS
from harness.states_language.thread import Host, Parent, Thread


class Status(StrEnum):
    """How an execution ended, as Step Functions calls it."""

    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"


class Execution(Parent):
    """
    One playing of a state machine.

    Attributes:
        entity: Number that keys the draws.
        subject: What the execution is about; nobody here looks at it.
        root: Its main thread of control; None once it has ended.
        output: Of an execution that succeeded.
        history: Events so far, about as AWS counts them.
        transitions: States entered so far.
        limit: When its time is up, if it ever is.
    """

    visits = VISITS

    __slots__ = (
        "_about",
        "cause",
        "data",
        "entity",
        "error",
        "history",
        "host",
        "limit",
        "name",
        "output",
        "program",
        "root",
        "started_at",
        "status",
        "subject",
        "transitions",
    )

    def __init__(
        self, host: Host, program: Program, name: str, entity: int, data: Any, subject: Any = None
    ) -> None:
        self.host = host
        self.program = program
        self.name = name
        self.entity = entity
        self.data = data
        self.subject = subject
        self.status: Status | None = None
        self._about: Mapping[str, Any] | None = None
        self.error: str | None = None
        self.cause: str | None = None
        self.output: Any = None
        self.history = 0
        self.transitions = 0
        self.started_at = host.clock.now
        self.limit: Deadline | None = None
        self.root: Thread | None = Thread(self, program, self)

    @property
    def about(self) -> Mapping[str, Any]:
        """``$$.Execution``."""
        if self._about is None:
            self._about = ExecutionObject(self)
        return self._about

    def start(self) -> None:
        """Enter the first state, unless the time is up already."""
        if self.root is not None:
            self.root.start(self.data)

    def time_out(self) -> None:
        """End the execution: its machine's time is up."""
        if self.root is not None:
            self.root.cancel()
            self._end(Status.TIMED_OUT, "States.Timeout", "the execution took longer than it may")

    def done(self, _walk: Thread, output: Any) -> None:
        self.output = output
        self._end(Status.SUCCEEDED)

    def failed(self, _walk: Thread, error: str, cause: str) -> None:
        self._end(Status.FAILED, error, cause)

    def _end(self, status: Status, error: str | None = None, cause: str | None = None) -> None:
        self.status, self.error, self.cause = status, error, cause
        if self.limit is not None:
            self.limit.call_off()
        self.host.ended(self)
        # What is left points to nothing that points back.
        self.root = None


class ExecutionObject(Mapping[str, Any]):
    """
    What ``$$.Execution`` is; each part is made when somebody looks at it.
    """

    __slots__ = ("_execution",)

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    def __getitem__(self, key: str) -> Any:
        return _PARTS[key](self._execution)

    def __iter__(self) -> Iterator[str]:
        return iter(_PARTS)

    def __len__(self) -> int:
        return len(_PARTS)


def _arn(execution: Execution) -> str:
    machine = execution.host.machine["Id"]
    return f"{machine.replace(':stateMachine:', ':execution:')}:{execution.name}"


def _role_arn(execution: Execution) -> str:
    """Return the role of the state machine as if it had its name: the definition does not tell."""
    machine = execution.host.machine
    _, partition, _, _, account, *_ = machine["Id"].split(":")
    return f"arn:{partition}:iam::{account}:role/{machine['Name']}"


_PARTS: Mapping[str, Callable[[Execution], Any]] = {
    "Id": _arn,
    "Input": lambda execution: execution.data,
    "Name": lambda execution: execution.name,
    "RedriveCount": lambda _: 0,
    "RoleArn": _role_arn,
    "StartTime": lambda execution: timestamp(execution.host.epoch, execution.started_at),
}
