"""Port: the executions of the state machine."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ExecutionStatus(StrEnum):
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class WorkflowExecution:
    """One execution of the state machine; ``output`` and ``error`` are set when it has ended."""

    arn: str
    status: ExecutionStatus
    output: Mapping[str, object] | None = None
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """
    One entry of one state.

    Attributes:
        status: RUNNING, SUCCEEDED, FAILED or PENDING.
        item: Index of the Map iteration that entered it; 0 outside of a Map.
        progress: Completed part of a transcoding job that has reported it [0…1].
    """

    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    item: int = 0
    progress: float | None = None


class Workflow(Protocol):
    """Every method raises `Unavailable` if the workflow service throttles or does not answer."""

    @abstractmethod
    def start(self, name: str, payload: Mapping[str, object]) -> str:
        """Start an execution and return its ARN; a second call with the same name returns the same ARN."""

    @abstractmethod
    def find(self, name: str) -> WorkflowExecution | None:
        """Return the execution with this name, None if it was never started."""

    @abstractmethod
    def finished_work(self, arn: str) -> Mapping[str, object] | None:
        """
        Return the state of an execution since it made its bundle, None if it has not made it.

        From then on the work is done, whether the execution still runs, or how it ended.
        """

    @abstractmethod
    def steps(self, arn: str) -> Sequence[Step]:
        """Return the states that an execution has entered, in order; empty for an ARN of no execution."""

    @abstractmethod
    def ping(self) -> None:
        """Raise `Unavailable` if the workflow service does not answer."""
