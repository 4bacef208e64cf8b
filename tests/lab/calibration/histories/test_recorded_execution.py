"""
One execution as its history tells it: its status, and until when it was seen.
"""

import pytest

from harness.lab.calibration.histories.recorded_execution import RecordedExecution

STARTED = {"id": 1, "type": "ExecutionStarted", "timestamp": 1.0}


def execution(*kinds):
    events = [
        {"id": number, "previousEventId": number - 1, "type": kind, "timestamp": float(number)}
        for number, kind in enumerate(kinds, 2)
    ]
    return RecordedExecution.of("e", [STARTED, *events])


class TestRecordedExecution:
    @pytest.mark.parametrize(
        ("kinds", "status", "seen_until"),
        [
            (["ExecutionSucceeded"], "SUCCEEDED", 2.0),
            (["ExecutionTimedOut"], "TIMED_OUT", 2.0),
            (["TaskSubmitted"], "RUNNING", 2.0),
            # Branches that are stopped may write after the end.
            (["ExecutionFailed", "TaskFailed", "MapIterationFailed"], "FAILED", 2.0),
            (["ExecutionFailed", "ExecutionRedriven", "TaskSubmitted"], "RUNNING", 4.0),
            (["ExecutionAborted", "ExecutionRedriven", "ExecutionSucceeded"], "SUCCEEDED", 4.0),
        ],
    )
    def test_its_end_decides_its_status(self, kinds, status, seen_until):
        """
        Of a redriven execution the last end counts.
        """
        found = execution(*kinds)

        assert (found.status, found.seen_until) == (status, seen_until)
        assert found.redrives == kinds.count("ExecutionRedriven")
