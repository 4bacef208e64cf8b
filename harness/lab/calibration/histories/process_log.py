"""
Histories as the log of a process-mining tool: one row for each event of an activity.

The columns are those of XES, as pm4py names them. Times are UTC.

Source: IEEE 1849 (XES), its concept, time, lifecycle and organizational extensions.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.lab.calibration.histories.recorded_execution import RecordedExecution
from harness.lab.calibration.histories.recorded_tasks import resource_of
from harness.states_language.execution_history import RecordedAttempt, RecordedState

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "case:concept:name",
    "concept:name",
    "time:timestamp",
    "lifecycle:transition",
    "concept:instance",
    "org:resource",
    "state:type",
    "attempt",
    "error",
    "case:status",
)

ENDED = {"SUCCEEDED": "complete", "FAILED": "ate_abort", "ABORTED": "pi_abort"}
"""Transitions of the lifecycle by the outcome of an attempt."""


def process_log(executions: Sequence[RecordedExecution]) -> "pd.DataFrame":
    """
    Return the log: each attempt of a Task has ``schedule``, ``start`` and an end, other states two rows.

    Returns:
        The columns of `COLUMNS`, by time within each execution.
    """
    import pandas as pd

    rows = [row for execution in executions for row in _sorted_rows(execution)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["time:timestamp"] = pd.to_datetime(frame["time:timestamp"], unit="s", utc=True).dt.round("us")
    return frame


def write_process_log(executions: Sequence[RecordedExecution], path: Path) -> int:
    """
    Write the log as CSV or Parquet, by the extension; return its number of rows.

    Raises:
        ValueError: The file has another extension.
    """
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"{path} must end in .csv or .parquet")
    frame = process_log(executions)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return len(frame)


def _sorted_rows(execution: RecordedExecution) -> list[tuple[Any, ...]]:
    rows = [row for state in execution.history.states for row in _rows(execution, state)]
    return sorted(rows, key=lambda row: row[2])


def _rows(execution: RecordedExecution, state: RecordedState) -> Iterator[tuple[Any, ...]]:
    if not state.attempts:
        yield _row(execution, state, state.entered_at, "start")
        if state.finished_at is not None:
            ended = "complete" if state.exited_at is not None else "pi_abort"
            yield _row(execution, state, state.finished_at, ended)
    for number, attempt in enumerate(state.attempts, 1):
        yield from _rows_of_attempt(execution, state, number, attempt)


def _rows_of_attempt(
    execution: RecordedExecution, state: RecordedState, number: int, attempt: RecordedAttempt
) -> Iterator[tuple[Any, ...]]:
    times = (("schedule", attempt.scheduled_at), ("start", attempt.started_at))
    for transition, at in times:
        if at is not None:
            yield _row(execution, state, at, transition, number, attempt)
    if attempt.finished_at is not None:
        transition = ENDED.get(attempt.outcome or "", "pi_abort")
        yield _row(execution, state, attempt.finished_at, transition, number, attempt)
    elif state.finished_at is not None:
        yield _row(execution, state, state.finished_at, "pi_abort", number, attempt)


def _row(
    execution: RecordedExecution,
    state: RecordedState,
    at: float,
    transition: str,
    number: int = 1,
    attempt: RecordedAttempt | None = None,
) -> tuple[Any, ...]:
    is_end = transition not in ("start", "schedule")
    return (
        execution.name,
        state.name,
        at,
        transition,
        f"{state.event_id}/{state.item}",
        resource_of(attempt) if attempt is not None else "",
        state.kind,
        number,
        (attempt.error or "") if attempt is not None and is_end else "",
        execution.status,
    )
