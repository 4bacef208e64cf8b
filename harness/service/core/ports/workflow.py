"""
Port: the engine that runs the state machine.
"""

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
    """How a run of the state machine stands; ``output`` and ``error`` once it has ended."""

    arn: str
    status: ExecutionStatus
    output: Mapping[str, object] | None = None
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One visit of one state; ``status`` is RUNNING, SUCCEEDED, FAILED or PENDING."""

    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None


class Workflow(Protocol):
    @abstractmethod
    def start(self, name: str, payload: Mapping[str, object]) -> str:
        """
        Start an execution and return its ARN; the same name again returns the same ARN.

        Raises:
            Unavailable: Throttled, or no answer.
        """

    @abstractmethod
    def find(self, name: str) -> WorkflowExecution | None:
        """
        Return the execution of that name, None if it was never started.

        Raises:
            Unavailable: No answer.
        """

    @abstractmethod
    def steps(self, arn: str) -> Sequence[Step]:
        """Return the states an execution has entered, in order of entry; empty if unknown."""

    @abstractmethod
    def ping(self) -> None:
        """
        Raises:
            Unavailable: The engine does not answer.
        """
