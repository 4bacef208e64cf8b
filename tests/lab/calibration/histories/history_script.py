"""
A history written by hand, event by event; times in seconds since the epoch.
"""

import json
from typing import Any, Self

from harness.lab.calibration.histories.recorded_execution import RecordedExecution

PUBLISH = {"resourceType": "sns", "resource": "publish", "parameters": "{}"}


class HistoryScript:
    """The events of one execution, each after the one before it."""

    def __init__(self, begun: float = 0.0, given: str = "{}") -> None:
        self.events: list[dict[str, Any]] = []
        self.add(begun, "ExecutionStarted", input=given)

    def add(self, at: float, kind: str, **details: Any) -> Self:
        """Append an event."""
        number = len(self.events) + 1
        prefix = kind[0].lower() + kind[1:]
        for end in ("StateEntered", "StateExited"):
            prefix = end[0].lower() + end[1:] if kind.endswith(end) else prefix
        self.events.append(
            {
                "id": number,
                "previousEventId": number - 1,
                "type": kind,
                "timestamp": at,
                f"{prefix}EventDetails": details,
            }
        )
        return self

    def enter(self, at: float, name: str = "T", **scheduled: Any) -> Self:
        """Enter a Task and schedule its work."""
        self.add(at, "TaskStateEntered", name=name)
        return self.schedule(at, **scheduled)

    def schedule(self, at: float, **scheduled: Any) -> Self:
        """Schedule an attempt, with these details."""
        return self.add(at, "TaskScheduled", **(PUBLISH | scheduled))

    def leave(self, at: float, result: Any = None, name: str = "T") -> Self:
        """End the work of a Task with success, and leave it."""
        self.add(at, "TaskSucceeded", output=json.dumps(result))
        return self.add(at, "TaskStateExited", name=name)

    def end(self, at: float, kind: str = "Succeeded") -> Self:
        """End the execution."""
        return self.add(at, f"Execution{kind}")

    def recorded(self, name: str = "e", **how: Any) -> RecordedExecution:
        """Return the execution as it is read from a file."""
        return RecordedExecution.of(name, self.events, **how)
