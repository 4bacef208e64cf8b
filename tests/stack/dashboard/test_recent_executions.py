"""
Current states and failures of executions, from their histories.
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
        An execution is in the states it has entered and not left.
        """
        running = execution(
            "RUNNING",
            event(2, "TaskStateEntered", name="Validate"),
            event(3, "TaskStateExited", name="Validate"),
            event(4, "TaskStateEntered", name="Zip"),
        )

        assert states_in_flight([running]) == {"Zip": 1}

    def test_states_of_branches_count_and_the_fork_does_not(self):
        """
        Each branch has a current state; the Parallel and Map around them do not count.
        """
        running = execution(
            "RUNNING",
            event(2, "ParallelStateEntered", name="Both"),
            event(3, "TaskStateEntered", name="Thumbnails"),
            event(4, "MapStateEntered", previous=2, name="Videos"),
            event(5, "TaskStateEntered", name="Transcode"),
        )

        assert states_in_flight([running]) == {"Thumbnails": 1, "Transcode": 1}

    def test_a_stopped_branch_ends_with_its_parallel_state(self):
        """
        When one branch fails, the others end without exit events.
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
        Between its start and its first state an execution counts as starting.
        """
        assert states_in_flight([execution("RUNNING")]) == {"starting": 1}

    def test_an_execution_that_ended_is_in_no_state(self):
        """
        An execution that failed inside a state is not in it.
        """
        ended = execution("FAILED", event(2, "TaskStateEntered", name="Validate"))

        assert states_in_flight([ended]) == {}


class TestFailures:
    def test_the_first_state_that_failed_is_named(self):
        """
        The report of the failure failed too; the state that failed before it is shown.
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

    def test_the_message_of_a_transcoding_job_is_found(self):
        """
        The cause is the JSON of the job.
        """
        failed = execution(
            "FAILED",
            event(2, "TaskStateEntered", name="TranscodeVideo"),
            event(3, "TaskFailed", error="States.TaskFailed", cause='{"Job": {"ErrorMessage": "No codec"}}'),
        )

        (failure,) = failures([failed])

        assert failure.message == "No codec"

    def test_a_branch_that_was_retried_later_is_not_named(self):
        """
        The first failed attempt was retried; the other branch had its last failure before that retry failed.
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

    def test_a_state_whose_retry_succeeded_is_not_named(self):
        """
        Only the last attempt of a state counts.
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
        No state failed: the execution timed out. Its name is not one of the service.
        """
        stopped = execution("TIMED_OUT", event(2, "TaskStateEntered", name="Zip"), name="by-hand")

        (failure,) = failures([stopped])

        assert (failure.batch, failure.job, failure.error) == ("by-hand", "", "TIMED_OUT")

    def test_only_executions_that_ended_without_success_are_failures(self):
        """
        A successful or a running execution is not a failure.
        """
        assert failures([execution("SUCCEEDED"), execution("RUNNING")]) == []
