"""The processing steps of the API, made from the event history of an execution."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from harness.service.core.ports.workflow import Step
from harness.states_language.execution_history import ExecutionHistory, RecordedState

if TYPE_CHECKING:
    from types_boto3_stepfunctions.type_defs import HistoryEventTypeDef


def steps_of(events: Sequence["HistoryEventTypeDef"]) -> list[Step]:
    """
    Return the states entered, in order of entry.

    A state whose last attempt failed has the status FAILED even if its error was caught.
    """
    return [_step(state) for state in ExecutionHistory(events).states]


def _step(state: RecordedState) -> Step:
    status = "RUNNING" if state.is_open else "FAILED" if state.failed else "SUCCEEDED"
    finished_at = None if state.finished_at is None else datetime.fromtimestamp(state.finished_at, UTC)
    return Step(state.name, status, datetime.fromtimestamp(state.entered_at, UTC), finished_at)
