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
from harness.states_language.execution_history import Event, ExecutionHistory, RecordedAttempt, RecordedState

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

    The *events* are the whole history, with the outputs of MediaConvert tasks. The run began at *began_at*
    [s since the epoch].
    """
    history = ExecutionHistory(events, began_at)
    rows = []
    for state in history.states:
        for number, attempt in enumerate(_attempts(state, history.stopped_at(state)), start=1):
            # The first attempt is ready when the state is entered, the others when their back-off is over.
            back_off_ended_at = attempt.scheduled_at if number > 1 else None
            ready_at = state.entered_at if back_off_ended_at is None else back_off_ended_at
            times = (ready_at, _started_at(attempt, began_at), attempt.finished_at)
            rows.append(
                StepRow(job_id, state.name, state.item, number, *times, attempt.outcome, attempt.error)
            )
    return rows


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


def _started_at(attempt: RecordedAttempt, began_at: float) -> float | None:
    """Return when the work began; a MediaConvert job first waits in its queue."""
    end = attempt.end_details
    if attempt.outcome != "SUCCEEDED" or end.get("resourceType") != "mediaconvert" or "output" not in end:
        return attempt.started_at
    timing = json.loads(end["output"]).get("Job", {}).get("Timing", {})
    left_queue_at_ms: float | None = timing.get("StartTime")
    if left_queue_at_ms is None:
        return attempt.started_at
    return max(left_queue_at_ms / 1000 - began_at, attempt.started_at or 0.0)
