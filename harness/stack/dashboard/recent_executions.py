"""
The states that executions are in now, and the reasons of those that failed.

Times in seconds since the epoch.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.lab.results.step_rows import batch_job_of
from harness.states_language.execution_history import (
    Event,
    ExecutionHistory,
    event_details,
    seconds_since_epoch,
)

ExecutionRecord = Mapping[str, Any]
"""Name, status and events of an execution, as the local AWS gives them."""

ERROR_MESSAGE = re.compile(r'"[eE]rrorMessage":\s*"((?:[^"\\]|\\.)*)')
"""The message of a Lambda function or a transcoding job, in a cause that may have been cut short."""


@dataclass(frozen=True, slots=True)
class FailedExecution:
    """An execution that did not succeed, and the state that failed first."""

    at: float
    batch: str
    job: str
    state: str
    error: str
    message: str


def states_in_flight(executions: Iterable[ExecutionRecord]) -> dict[str, int]:
    """Return how many executions are in each state, most first; parallel branches count one each."""
    running = (one["events"] for one in executions if one["status"] == "RUNNING")
    return dict(Counter(state for events in running for state in _current_states(events)).most_common())


def failures(executions: Iterable[ExecutionRecord]) -> list[FailedExecution]:
    """Return the executions that ended without success, newest first."""
    ended = (one for one in executions if one["status"] not in ("RUNNING", "SUCCEEDED") and one["events"])
    return sorted((_failure(one) for one in ended), key=lambda failure: -failure.at)


def began_at(execution: ExecutionRecord) -> float:
    """Return when an execution started."""
    return seconds_since_epoch(execution["events"][0]["timestamp"])


def _current_states(events: Sequence[Event]) -> set[str]:
    states = ExecutionHistory(events).states
    return {state.name for state in states if state.is_open and not state.is_fork} or {"starting"}


def _failure(execution: ExecutionRecord) -> FailedExecution:
    state, details = _first_failed_state(execution["events"])
    job = batch_job_of(execution["name"])
    return FailedExecution(
        at=seconds_since_epoch(execution["events"][-1]["timestamp"]),
        batch=job.batch_id if job else execution["name"],
        job=str(job.job_id) if job else "",
        state=state,
        error=details.get("error") or execution["status"],
        message=_error_message(details.get("cause") or ""),
    )


def _first_failed_state(events: Sequence[Event]) -> tuple[str, Mapping[str, Any]]:
    """Return the first state whose last attempt failed, and the details of that attempt's end."""
    last_attempts = [
        (state.ended_attempts[-1], state.name)
        for state in ExecutionHistory(events).states
        if state.ended_attempts
    ]
    for attempt, name in sorted(last_attempts, key=lambda one: one[0].end_id):
        if attempt.outcome == "FAILED":
            return name, attempt.end_details
    return "", event_details(events[-1])


def _error_message(cause: str) -> str:
    match = ERROR_MESSAGE.search(cause)
    return match[1].replace('\\"', '"') if match else cause
