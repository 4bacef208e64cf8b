"""
What histories tell of executions that are under way, and of those that failed.
"""

from harness.stack.dashboard.recent_executions import failures, states_in_flight

AT = "2026-01-02T10:15:00.000Z"
LATER = "2026-01-02T10:16:00.000Z"


def event(number, kind, previous=None, at=AT, **details):
    name = {"Entered": "stateEnteredEventDetails", "Exited": "stateExitedEventDetails"}.get(
        kind[-7:] if kind.endswith("Entered") else kind[-6:], "taskFailedEventDetails"
    )
    return {
        "id": number,
        "previousEventId": number - 1 if previous is None else previous,
        "type": kind,
        "timestamp": at,
        name: details,
    }


def execution(status, *events, name="batch-3c99-job-7"):
    return {"name": name, "status": status, "events": [event(1, "ExecutionStarted"), *events]}


class TestStatesInFlight:
    def test_a_state_left_is_no_longer_counted(self):
        """
        An execution is where it entered and has not left.
        """
        running = execution(
            "RUNNING",
            event(2, "TaskStateEntered", name="Validate"),
            event(3, "TaskStateExited", name="Validate"),
            event(4, "TaskStateEntered", name="Zip"),
        )

        assert states_in_flight([running]) == {"Zip": 1}

    def test_branches_count_each_and_their_container_does_not(self):
        """
        What runs side by side is in two states; Parallel and Map only hold them.
        """
        running = execution(
            "RUNNING",
            event(2, "ParallelStateEntered", name="Both"),
            event(3, "TaskStateEntered", name="Thumbnails"),
            event(4, "MapStateEntered", previous=2, name="Videos"),
            event(5, "TaskStateEntered", name="Transcode"),
        )

        assert states_in_flight([running]) == {"Thumbnails": 1, "Transcode": 1}

    def test_a_branch_given_up_ends_with_its_parallel_state(self):
        """
        When one branch fails the others never exit their states; they are over all the same.
        """
        running = execution(
            "RUNNING",
            event(2, "ParallelStateEntered", name="Both"),
            event(3, "TaskStateEntered", name="Thumbnails"),
            event(4, "ParallelStateExited", name="Both"),
            event(5, "TaskStateEntered", name="ReportFailure"),
        )

        assert states_in_flight([running]) == {"ReportFailure": 1}

    def test_one_that_has_entered_nothing_is_starting(self):
        """
        Between its start and its first state an execution is not lost from sight.
        """
        assert states_in_flight([execution("RUNNING")]) == {"starting": 1}

    def test_what_has_ended_is_nowhere(self):
        """
        An execution that failed inside a state is not in it.
        """
        ended = execution("FAILED", event(2, "TaskStateEntered", name="Validate"))

        assert states_in_flight([ended]) == {}


class TestFailures:
    def test_the_first_state_that_gave_up_is_named(self):
        """
        Reporting the failure failed too; what matters is what went wrong before.
        """
        failed = execution(
            "FAILED",
            event(2, "TaskStateEntered", name="Zip"),
            event(3, "TaskFailed", error="Retryable", cause="first try"),
            event(4, "TaskFailed", error="Rejected", cause='{"errorMessage": "no \\"key\\" there", "st'),
            event(5, "TaskStateExited", name="Zip"),
            event(6, "TaskStateEntered", name="ReportFailure"),
            event(7, "TaskFailed", at=LATER, error="Retryable", cause="no API"),
        )

        (failure,) = failures([failed])

        assert (failure.state, failure.error, failure.message) == ("Zip", "Rejected", 'no "key" there')
        assert (failure.batch, failure.job) == ("3c99", "7")
        assert failure.at == 1767348960.0

    def test_a_branch_that_was_still_retrying_is_not_blamed(self):
        """
        The branch that failed first of all was tried again; the other one gave up before it.
        """
        failed = execution(
            "FAILED",
            event(2, "TaskStateEntered", name="Thumbnails"),
            event(3, "TaskStateEntered", previous=1, name="Transcode"),
            event(4, "TaskFailed", previous=2, error="Retryable"),
            event(5, "TaskFailed", previous=3, error="Rejected"),
            event(6, "TaskFailed", previous=4, error="Retryable"),
        )

        assert [one.state for one in failures([failed])] == ["Transcode"]

    def test_a_state_that_recovered_is_not_blamed(self):
        """
        A retry that worked makes the failed attempt before it harmless.
        """
        failed = execution(
            "FAILED",
            event(2, "TaskStateEntered", name="Validate"),
            event(3, "TaskFailed", error="Retryable"),
            event(4, "TaskSucceeded"),
            event(5, "TaskStateEntered", name="Zip"),
            event(6, "TaskFailed", error="Rejected"),
        )

        assert [one.state for one in failures([failed])] == ["Zip"]

    def test_an_execution_stopped_from_outside_has_its_status_for_an_error(self):
        """
        No state failed: the execution itself ran out of time, under a name of somebody else's.
        """
        stopped = execution("TIMED_OUT", event(2, "TaskStateEntered", name="Zip"), name="by-hand")

        (failure,) = failures([stopped])

        assert (failure.batch, failure.job, failure.error) == ("by-hand", "", "TIMED_OUT")

    def test_success_and_work_in_progress_are_no_failures(self):
        """
        Only what ended badly is shown.
        """
        assert failures([execution("SUCCEEDED"), execution("RUNNING")]) == []
