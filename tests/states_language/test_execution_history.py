"""
States and attempts, read from the event history of an execution.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from harness.states_language.execution_history import ExecutionHistory, seconds_since_epoch


def event(number: int, previous: int, kind: str, **details: Any) -> dict[str, Any]:
    """An event that happens as many seconds after the epoch as its id says."""
    prefix = kind[0].lower() + kind[1:]
    for suffix in ("StateEntered", "StateExited"):
        if kind.endswith(suffix):
            prefix = suffix[0].lower() + suffix[1:]
    return {
        "id": number,
        "previousEventId": previous,
        "type": kind,
        "timestamp": float(number),
        f"{prefix}EventDetails": details,
    }


def _map_events(first: int, previous: int, items: int) -> list[dict[str, Any]]:
    """The events of a Map M of a Task T, until the last item has left it."""
    events = [event(first, previous, "MapStateEntered", name="M")]
    for index in range(items):
        number = first + 3 * index + 1
        events += [
            event(number, first, "MapIterationStarted", name="M", index=index),
            event(number + 1, number, "TaskStateEntered", name="T"),
            event(number + 2, number + 1, "TaskStateExited", name="T"),
        ]
    return events


class TestExecutionHistory:
    def test_a_task_has_the_times_and_outcomes_of_its_attempts(self):
        """
        Each attempt is scheduled, started and ended; the error of a failed one is kept.
        """
        (state,) = ExecutionHistory(
            [
                event(1, 0, "TaskStateEntered", name="Zip"),
                event(2, 1, "LambdaFunctionScheduled"),
                event(3, 2, "LambdaFunctionStarted"),
                event(4, 3, "LambdaFunctionFailed", error="Boom"),
                event(5, 4, "LambdaFunctionScheduled"),
                event(6, 5, "LambdaFunctionStarted"),
                event(7, 6, "LambdaFunctionSucceeded"),
                event(8, 7, "TaskStateExited", name="Zip"),
            ]
        ).states

        first, second = state.attempts
        assert (first.scheduled_at, first.started_at, first.finished_at) == (2, 3, 4)
        assert (first.outcome, first.error) == ("FAILED", "Boom")
        assert (second.outcome, second.error) == ("SUCCEEDED", None)
        assert (state.name, state.kind, state.entered_at, state.exited_at) == ("Zip", "Task", 1, 8)
        assert not state.failed

    def test_a_redriven_execution_continues_its_state(self):
        """
        The attempt after the redrive belongs to the state that had failed, which is left in the end.
        """
        (state,) = ExecutionHistory(
            [
                event(1, 0, "TaskStateEntered", name="Zip"),
                event(2, 1, "LambdaFunctionScheduled"),
                event(3, 2, "LambdaFunctionFailed", error="Boom"),
                event(4, 3, "ExecutionFailed"),
                event(5, 4, "ExecutionRedriven"),
                event(6, 5, "LambdaFunctionScheduled"),
                event(7, 6, "LambdaFunctionSucceeded"),
                event(8, 7, "TaskStateExited", name="Zip"),
            ]
        ).states

        assert [attempt.outcome for attempt in state.attempts] == ["FAILED", "SUCCEEDED"]
        assert (state.exited_at, state.interrupted_at, state.failed) == (8, None, False)

    def test_a_time_out_has_the_error_of_the_language(self):
        """
        Step Functions writes a time-out without an error name.
        """
        (state,) = ExecutionHistory(
            [event(1, 0, "TaskStateEntered", name="Zip"), event(2, 1, "LambdaFunctionTimedOut")]
        ).states

        assert state.attempts[0].error == "States.Timeout"

    def test_leaving_a_fork_interrupts_the_states_inside(self):
        """
        The branch that was stopped for the error of another one is not left by an event of its own.
        """
        history = ExecutionHistory(
            [
                event(1, 0, "ParallelStateEntered", name="Both"),
                event(2, 1, "TaskStateEntered", name="Left"),
                event(3, 1, "TaskStateEntered", name="Right"),
                event(4, 2, "TaskFailed", error="Boom"),
                event(5, 4, "ParallelStateFailed"),
                event(6, 5, "ParallelStateExited", name="Both"),
                event(7, 6, "PassStateEntered", name="After"),
            ]
        )

        both, left, right, after = history.states
        assert (both.failed, both.exited_at) == (True, 6)
        assert [(one.failed, one.exited_at, one.interrupted_at) for one in (left, right)] == [
            (True, None, 6)
        ] * 2
        assert [history.stopped_at(one) for one in (right, after)] == [5, None]
        assert after.is_open

    def test_an_aborted_state_ends_with_its_event(self):
        """
        A state that is aborted is never left.
        """
        (state,) = ExecutionHistory(
            [event(1, 0, "WaitStateEntered", name="Wait"), event(2, 1, "WaitStateAborted")]
        ).states

        assert (state.failed, state.finished_at) == (True, 2)

    def test_a_state_after_a_map_has_no_item(self):
        """
        Two items, then a Task, as in a simulation.
        """
        states = ExecutionHistory(
            [
                *_map_events(1, 0, items=2),
                event(8, 7, "MapStateSucceeded"),
                event(9, 8, "MapStateExited", name="M"),
                event(10, 9, "TaskStateEntered", name="After"),
            ]
        ).states

        assert [(one.name, one.item) for one in states] == [("M", 0), ("T", 0), ("T", 1), ("After", 0)]

    def test_a_state_after_an_inner_map_has_the_item_of_the_outer_one(self):
        """
        The second item of the outer Map goes through a Map of two items of its own.
        """
        states = ExecutionHistory(
            [
                event(1, 0, "MapStateEntered", name="Outer"),
                event(2, 1, "MapIterationStarted", name="Outer", index=0),
                event(3, 1, "MapIterationStarted", name="Outer", index=1),
                *_map_events(4, 3, items=3),
                event(14, 13, "MapStateSucceeded"),
                event(15, 14, "MapStateExited", name="M"),
                event(16, 15, "TaskStateEntered", name="After"),
            ]
        ).states

        assert [(one.name, one.item) for one in states] == [
            ("Outer", 0), ("M", 1), ("T", 0), ("T", 1), ("T", 2), ("After", 1),
        ]  # fmt: skip

    @pytest.mark.parametrize("end", ["Failed", "Aborted"])
    def test_a_state_after_a_map_that_did_not_succeed_has_no_item(self, end):
        """
        The error of its second item was caught.
        """
        states = ExecutionHistory(
            [
                *_map_events(1, 0, items=2)[:-1],
                event(7, 6, "TaskFailed", error="Boom"),
                event(8, 7, f"MapIteration{end}", name="M", index=1),
                event(9, 8, f"MapState{end}"),
                event(10, 9, "MapStateExited", name="M"),
                event(11, 10, "TaskStateEntered", name="After"),
            ]
        ).states

        assert [(one.name, one.item) for one in states] == [("M", 0), ("T", 0), ("T", 1), ("After", 0)]

    def test_times_count_from_the_origin(self):
        """
        A run folder counts from the beginning of its run.
        """
        (state,) = ExecutionHistory([event(12, 0, "PassStateEntered", name="Note")], origin=10.0).states

        assert state.entered_at == 2.0


@pytest.mark.parametrize(
    "timestamp", [1767348900.0, "2026-01-02T10:15:00.000Z", datetime(2026, 1, 2, 10, 15, tzinfo=UTC)]
)
def test_every_form_of_a_timestamp_is_read(timestamp):
    """
    The wire has numbers, JSON has ISO 8601, boto3 has datetimes.
    """
    assert seconds_since_epoch(timestamp) == 1767348900.0
