"""
Rows of the table ``steps``, made from execution histories.
"""

from typing import Any

from harness.lab.results.step_rows import batch_job_of, step_rows

BEGAN_AT = 1_700_000_000.0


class Script:
    """A history under construction; times in seconds since the run began."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, at: float, kind: str, after: int | None = None, **details: Any) -> int:
        """Append one event and return its id; it follows the last event unless *after* names another one."""
        number = len(self.events) + 1
        event = {
            "id": number,
            "previousEventId": number - 1 if after is None else after,
            "type": kind,
            "timestamp": BEGAN_AT + at,
        }
        if details:
            name = "stateEntered" if kind.endswith("Entered") else kind[0].lower() + kind[1:]
            name = "stateExited" if kind.endswith("Exited") else name
            event[f"{name}EventDetails"] = details
        self.events.append(event)
        return number

    def rows(self) -> list[tuple[Any, ...]]:
        return [tuple(row)[1:] for row in step_rows(7, self.events, BEGAN_AT)]


class TestStepRows:
    def test_every_attempt_of_a_task_is_a_row(self):
        """
        The first attempt is ready when the state is entered, the second after the back-off.
        """
        script = Script()
        script.add(0, "ExecutionStarted")
        script.add(1, "TaskStateEntered", name="CreateZipBundle")
        script.add(1.25, "TaskScheduled", resource="invoke")
        script.add(1.5, "TaskStarted", resource="invoke")
        script.add(2, "TaskFailed", error="Retryable")
        script.add(12, "TaskScheduled", resource="invoke")
        script.add(12.5, "TaskStarted", resource="invoke")
        script.add(13, "TaskSucceeded", resource="invoke")
        script.add(13, "TaskStateExited", name="CreateZipBundle")

        assert script.rows() == [
            ("CreateZipBundle", 0, 1, 1, 1.5, 2, "FAILED", "Retryable"),
            ("CreateZipBundle", 0, 2, 12, 12.5, 13, "SUCCEEDED", None),
        ]

    def test_events_of_parallel_branches_belong_to_their_own_states(self):
        """
        Events of two branches are interleaved; each belongs to the state it follows.
        """
        script = Script()
        parallel = script.add(0, "ParallelStateEntered", name="ParallelProcessing")
        started = script.add(0, "ParallelStateStarted")
        left = script.add(1, "TaskStateEntered", after=started, name="GenerateThumbnails")
        right = script.add(1, "TaskStateEntered", after=started, name="Describe")
        left = script.add(2, "LambdaFunctionScheduled", after=left)
        right = script.add(3, "LambdaFunctionScheduled", after=right)
        right = script.add(3.5, "LambdaFunctionStarted", after=right)
        left = script.add(4, "LambdaFunctionStarted", after=left)
        script.add(5, "LambdaFunctionSucceeded", after=right)
        script.add(6, "LambdaFunctionTimedOut", after=left)
        script.add(7, "ParallelStateExited", after=parallel, name="ParallelProcessing")

        assert script.rows() == [
            ("ParallelProcessing", 0, 1, 0, 0, 7, "SUCCEEDED", None),
            ("GenerateThumbnails", 0, 1, 1, 4, 6, "FAILED", "States.Timeout"),
            ("Describe", 0, 1, 1, 3.5, 5, "SUCCEEDED", None),
        ]

    def test_a_state_that_was_stopped_is_aborted(self):
        """
        The sibling of a failed branch worked until the failure; a state after the Catch has its own end.
        """
        script = Script()
        script.add(0, "ParallelStateEntered", name="P")
        started = script.add(0, "ParallelStateStarted")
        left = script.add(1, "TaskStateEntered", after=started, name="A")
        right = script.add(1, "TaskStateEntered", after=started, name="B")
        left = script.add(1, "TaskScheduled", after=left)
        script.add(2, "TaskStarted", after=left)
        right = script.add(1, "TaskScheduled", after=right)
        right = script.add(5, "TaskFailed", after=right, error="Boom")
        script.add(5, "ParallelStateFailed", after=right)
        script.add(6, "WaitStateEntered", name="W")
        script.add(9, "ExecutionTimedOut")

        assert script.rows() == [
            ("P", 0, 1, 0, None, 5, "FAILED", None),
            ("A", 0, 1, 1, 2, 5, "ABORTED", None),
            ("B", 0, 1, 1, None, 5, "FAILED", "Boom"),
            ("W", 0, 1, 6, None, 9, "ABORTED", None),
        ]

    def test_items_of_a_map_have_their_index(self):
        """
        The same state in two iterations is two rows.
        """
        script = Script()
        started = script.add(0, "MapStateStarted")
        first = script.add(1, "MapIterationStarted", after=started, name="ProcessVideos", index=0)
        second = script.add(1, "MapIterationStarted", after=started, name="ProcessVideos", index=1)
        second = script.add(2, "PassStateEntered", after=second, name="Note")
        first = script.add(3, "PassStateEntered", after=first, name="Note")
        script.add(4, "PassStateExited", after=first, name="Note")
        script.add(5, "PassStateExited", after=second, name="Note")

        assert script.rows() == [
            ("Note", 1, 1, 2, 2, 5, "SUCCEEDED", None),
            ("Note", 0, 1, 3, 3, 4, "SUCCEEDED", None),
        ]

    def test_a_map_is_left_from_within_its_last_item(self):
        """
        Its exit, and that of the Parallel around it, follows an event of an item, and ends the right state.
        """
        script = Script()
        script.add(0, "ParallelStateEntered", name="ParallelProcessing")
        script.add(0, "ParallelStateStarted")
        started = script.add(1, "MapStateEntered", name="ProcessVideos")
        script.add(1, "MapIterationStarted", after=started, name="ProcessVideos", index=0)
        script.add(1, "MapIterationStarted", after=started, name="ProcessVideos", index=1)
        script.add(2, "PassStateEntered", name="Note")
        script.add(3, "PassStateExited", name="Note")
        script.add(4, "MapIterationSucceeded", name="ProcessVideos", index=1)
        script.add(4, "MapStateSucceeded")
        script.add(5, "MapStateExited", name="ProcessVideos")
        script.add(6, "ParallelStateSucceeded")
        script.add(7, "ParallelStateExited", name="ParallelProcessing")

        assert script.rows() == [
            ("ParallelProcessing", 0, 1, 0, 0, 7, "SUCCEEDED", None),
            ("ProcessVideos", 0, 1, 1, 1, 5, "SUCCEEDED", None),
            ("Note", 1, 1, 2, 2, 3, "SUCCEEDED", None),
        ]

    def test_a_transcoding_job_begins_when_it_leaves_its_queue(self):
        """
        Between the submission and its own start the job waited.
        """
        script = Script()
        script.add(0, "TaskStateEntered", name="TranscodeVideo")
        script.add(0, "TaskScheduled", resource="createJob.sync", resourceType="mediaconvert")
        script.add(0, "TaskStarted", resource="createJob.sync", resourceType="mediaconvert")
        script.add(0, "TaskSubmitted", resource="createJob.sync", resourceType="mediaconvert")
        output = f'{{"Job": {{"Timing": {{"StartTime": {int((BEGAN_AT + 30) * 1000)}}}}}}}'
        script.add(40, "TaskSucceeded", resourceType="mediaconvert", output=output)

        assert script.rows() == [("TranscodeVideo", 0, 1, 0, 30, 40, "SUCCEEDED", None)]

    def test_a_state_under_way_has_no_end(self):
        """
        A state under way when the run ends is a row without outcome.
        """
        script = Script()
        script.add(0, "TaskStateEntered", name="ValidateRawAssets")
        script.add(1, "TaskScheduled", resource="invoke")
        script.add(2, "TaskStarted", resource="invoke")

        assert script.rows() == [("ValidateRawAssets", 0, 1, 0, 2, None, None, None)]


class TestBatchJobOf:
    def test_the_name_of_an_execution_contains_its_batch_and_job(self):
        """
        The service names executions batch-<uuid>-job-<id>; another name has no job.
        """
        batch_id = "1e86c07b-d99e-4348-ae33-26f17ade5062"

        assert batch_job_of(f"batch-{batch_id}-job-41") == (batch_id, 41)
        assert batch_job_of("by-hand") is None
