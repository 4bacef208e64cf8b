"""
Rows of the table ``steps``, made from the history of an execution.

A Task has a row for each attempt, any other state one for each time it was entered.
Times in seconds since the run began.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from harness.lab.results.rows import StepRow
from harness.states_language.execution_history import (
    Event,
    ExecutionHistory,
    RecordedAttempt,
    RecordedState,
)

_EXECUTION_NAME = re.compile(r"batch-(?P<batch>.+)-job-(?P<job>\d+)")


class BatchJob(NamedTuple):
    """The batch and the job an execution works for."""

    batch_id: str
    job_id: int


def batch_job_of(execution_name: str) -> BatchJob | None:
    """Return the batch and the job in the name of an execution; None if the service did not name it."""
    match = _EXECUTION_NAME.fullmatch(execution_name)
    return BatchJob(match["batch"], int(match["job"])) if match else None


def step_rows(job_id: int, events: Sequence[Event], began_at: float) -> list[StepRow]:
    """
    Return the rows of one execution, in the order its states were entered.

    Args:
        events: The whole history, as ``GetExecutionHistory`` returns it. Of the data only the outputs of
            MediaConvert tasks are used.
        began_at: When the run began [s since the epoch].
    """
    history = ExecutionHistory(events, began_at)
    return [
        _step_row(job_id, state, number, attempt, began_at)
        for state in history.states
        for number, attempt in enumerate(_attempts(state, history.stopped_at(state)), start=1)
    ]


def _attempts(state: RecordedState, stopped_at: float | None) -> list[RecordedAttempt]:
    """Return the attempts of a Task, or the one attempt of another state; a stop ends the last of them."""
    if state.exited_at is not None and not state.ended_attempts:
        entered_at = state.entered_at
        return [RecordedAttempt(entered_at, entered_at, state.exited_at, "SUCCEEDED")]
    attempts = state.attempts or [RecordedAttempt()]
    last = attempts[-1]
    if last.outcome is None and stopped_at is not None:
        last.finished_at, last.outcome = stopped_at, "FAILED" if state.is_fork else "ABORTED"
    return attempts


def _step_row(
    job_id: int, state: RecordedState, number: int, attempt: RecordedAttempt, began_at: float
) -> StepRow:
    # The first attempt is ready when the state is entered, the others when their back-off is over.
    ready_at = state.entered_at if number == 1 or attempt.scheduled_at is None else attempt.scheduled_at
    return StepRow(
        job_id,
        state.name,
        state.item,
        number,
        ready_at=ready_at,
        started_at=_started_at(attempt, began_at),
        finished_at=attempt.finished_at,
        outcome=attempt.outcome,
        error=attempt.error,
    )


def _started_at(attempt: RecordedAttempt, began_at: float) -> float | None:
    """Return when the work began; a MediaConvert job first waits in its queue."""
    end = attempt.end_details
    if attempt.outcome != "SUCCEEDED" or end.get("resourceType") != "mediaconvert" or "output" not in end:
        return attempt.started_at
    left_queue_at_ms: float | None = (
        json.loads(end["output"]).get("Job", {}).get("Timing", {}).get("StartTime")
    )
    if left_queue_at_ms is None:
        return attempt.started_at
    return max(left_queue_at_ms / 1000 - began_at, attempt.started_at or 0.0)
