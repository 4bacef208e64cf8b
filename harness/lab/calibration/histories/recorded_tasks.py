"""
The attempts of Tasks in histories, one row each: when they were ready, began and ended, and where they ran.

Times are seconds since the first execution began.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from harness.lab.calibration.emergent_errors import REFUSALS
from harness.lab.calibration.histories.machine_definition import function_name
from harness.lab.calibration.histories.recorded_execution import RecordedExecution, data_of, json_of
from harness.states_language.execution_history import RecordedAttempt, RecordedState

LAMBDA, ACTIVITY, OTHER = "lambda", "activity", "other"
"""Kinds of resources."""

UNNAMED = "invoke"
"""The resource of an invocation whose function neither the history nor the definition names."""


class RecordedTask(NamedTuple):
    """
    One attempt of a Task.

    Attributes:
        execution: Number of its execution, in the order of their starts.
        resource: What does the work: a function, an activity or a service integration.
        ready_at, started_at, ended_at: Not a number if there is no such event.
        left_at: When it ended or was stopped; not a number while it was under way.
        outcome: SUCCEEDED, FAILED, or OPEN if it was stopped or had not ended.
        was_refused: It failed before its work began: throttled, or not submitted.
        seen_until: When it ended, or until when it is known to have not ended.
        hop_s: Time from the end of the work before it until it was ready; not a number for later attempts.
        output: Its result as JSON; None without one, or if it cannot be read.
    """

    execution: int
    state: str
    kind: str
    resource: str
    item: int
    attempt: int
    ready_at: float
    started_at: float
    ended_at: float
    left_at: float
    outcome: str
    error: str | None
    was_refused: bool
    seen_until: float
    hop_s: float
    output: str | None


def recorded_tasks(
    executions: Sequence[RecordedExecution], functions: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """
    Return all attempts of Tasks, in the order in which they were ready; columns as in `RecordedTask`.

    Args:
        functions: Names of Lambda functions by state, from the definition, for histories without data.
    """
    origin = min(each.started_at for each in executions)
    rows = [
        row
        for number, execution in enumerate(executions)
        for state in execution.history.states
        for row in _attempts(number, execution, state, origin, (functions or {}).get(state.name))
    ]
    frame = pd.DataFrame(rows, columns=list(RecordedTask._fields))
    return frame.sort_values("ready_at", kind="stable", ignore_index=True)


def plain_hops(executions: Sequence[RecordedExecution]) -> dict[str, list[float]]:
    """Return the times into the first state (``start``) and into states that are no Tasks (``plain``) [s]."""
    found: dict[str, list[float]] = {"start": [], "plain": []}
    for execution in executions:
        for state in execution.history.states:
            if state.before is None:
                found["start"].append(_ready(state) - execution.started_at)
            elif not state.attempts:
                found["plain"].append(state.entered_at - _end_before(state))
    return found


def resource_of(attempt: RecordedAttempt, function: str | None = None) -> str:
    """
    Return what does the work of an attempt: the name of a function, or the resource.

    Args:
        function: Its name in the definition, if it is one.
    """
    details = attempt.scheduled_details
    if is_function(details):
        resource = str(details.get("resource", ""))
        named = resource if ":function:" in resource else _function(details)
        return function_name(named or function or resource)
    kind = details.get("resourceType")
    return f"{kind}:{details.get('resource')}" if kind else str(details.get("resource", ""))


def is_function(details: Mapping[str, Any]) -> bool:
    """Return whether an attempt with these details of its schedule invokes a Lambda function."""
    resource, kind = str(details.get("resource", "")), details.get("resourceType")
    return ":function:" in resource or (kind == "lambda" and not resource.endswith("waitForTaskToken"))


def _function(details: Mapping[str, Any]) -> str:
    parameters = data_of({"xEventDetails": details}, "parameters")
    return str(parameters.get("FunctionName", "")) if isinstance(parameters, dict) else ""


def _attempts(
    number: int, execution: RecordedExecution, state: RecordedState, origin: float, function: str | None
) -> Iterator[RecordedTask]:
    for count, attempt in enumerate(state.attempts, 1):
        details = attempt.scheduled_details
        ready = attempt.scheduled_at if attempt.scheduled_at is not None else state.entered_at
        ended = attempt.finished_at
        left = state.finished_at if ended is None else ended
        left = None if left is None else max(left, ready)
        yield RecordedTask(
            number,
            state.name,
            _kind(details),
            resource_of(attempt, function),
            state.item,
            count,
            ready - origin,
            np.nan if attempt.started_at is None else attempt.started_at - origin,
            np.nan if ended is None else ended - origin,
            np.nan if left is None else left - origin,
            attempt.outcome if attempt.outcome in ("SUCCEEDED", "FAILED") else "OPEN",
            attempt.error,
            attempt.was_refused or any(part in (attempt.error or "") for part in REFUSALS),
            (max(execution.seen_until, ready) if left is None else left) - origin,
            ready - _end_before(state) if count == 1 and state.before is not None else np.nan,
            _output(attempt),
        )


def _kind(details: Mapping[str, Any]) -> str:
    if is_function(details):
        return LAMBDA
    return ACTIVITY if ":activity:" in str(details.get("resource", "")) else OTHER


def _output(attempt: RecordedAttempt) -> str | None:
    """Return the result of the work; that of a function is in the payload of an integration's answer."""
    if attempt.outcome != "SUCCEEDED":
        return None
    event = {"xEventDetails": attempt.end_details}
    output = data_of(event, "output")
    if attempt.scheduled_details.get("resourceType") == "lambda" and isinstance(output, dict):
        return json.dumps(output.get("Payload"))
    return json_of(event, "output")


def _ready(state: RecordedState) -> float:
    scheduled = state.attempts[0].scheduled_at if state.attempts else None
    return state.entered_at if scheduled is None else scheduled


def _end_before(state: RecordedState) -> float:
    """Return when the work of the state before ended; of a state around it, when that was entered."""
    before = state.before
    assert before is not None  # noqa: S101 - the caller has checked it
    if before.attempts and (ended := before.attempts[-1].finished_at) is not None:
        return ended
    finished = before.finished_at
    return finished if finished is not None and finished <= state.entered_at else before.entered_at
