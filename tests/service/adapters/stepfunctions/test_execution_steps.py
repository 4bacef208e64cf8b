"""
Event histories of Step Functions are converted to steps.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from harness.service.adapters.stepfunctions.workflow import steps_of

T0 = datetime(2026, 1, 5, 9, tzinfo=UTC)


def history(*lines: str) -> list[Any]:
    """
    Parse ``id<previous type [name]`` lines; the time of an event is its id in seconds after nine o'clock.
    """
    events = []
    for line in lines:
        ids, kind, *name = line.split()
        number, previous = (int(part) for part in ids.split("<"))
        event: dict[str, Any] = {
            "id": number,
            "previousEventId": previous,
            "type": kind,
            "timestamp": T0 + timedelta(seconds=number),
        }
        if kind.endswith("StateEntered"):
            event["stateEnteredEventDetails"] = {"name": name[0]}
        if kind.endswith("StateExited"):
            event["stateExitedEventDetails"] = {"name": name[0]}
        events.append(event)
    return events


def seen(events: list[Any]) -> list[tuple[str, str, int, int | None]]:
    """Name, status, and seconds after nine."""

    def second(moment: datetime | None) -> int | None:
        return None if moment is None else int((moment - T0).total_seconds())

    return [
        (step.name, step.status, second(step.started_at) or 0, second(step.finished_at))
        for step in steps_of(events)
    ]


class TestStepsOf:
    def test_a_state_that_was_left_succeeded_and_the_current_one_runs(self) -> None:
        """
        The steps are in the order of entry.
        """
        events = history(
            "1<0 ExecutionStarted",
            "2<0 TaskStateEntered Validate",
            "3<2 LambdaFunctionScheduled",
            "4<3 LambdaFunctionStarted",
            "5<4 LambdaFunctionSucceeded",
            "6<5 TaskStateExited Validate",
            "7<6 TaskStateEntered Zip",
        )

        assert seen(events) == [("Validate", "SUCCEEDED", 2, 6), ("Zip", "RUNNING", 7, None)]

    def test_a_retry_that_succeeds_is_a_success(self) -> None:
        """
        A state with several attempts is one step, from its entry to its exit.
        """
        events = history(
            "2<0 TaskStateEntered Zip",
            "3<2 LambdaFunctionScheduled",
            "4<3 LambdaFunctionFailed",
            "5<4 LambdaFunctionScheduled",
            "6<5 LambdaFunctionTimedOut",
            "7<6 LambdaFunctionScheduled",
            "8<7 LambdaFunctionSucceeded",
            "9<8 TaskStateExited Zip",
        )

        assert seen(events) == [("Zip", "SUCCEEDED", 2, 9)]

    def test_an_error_that_is_caught_failed_its_state(self) -> None:
        """
        The execution continues, but the state has failed.
        """
        events = history(
            "2<0 TaskStateEntered Validate",
            "3<2 LambdaFunctionScheduled",
            "4<3 LambdaFunctionFailed",
            "5<4 TaskStateExited Validate",
            "6<5 TaskStateEntered ReportFailure",
            "7<6 LambdaFunctionSucceeded",
            "8<7 TaskStateExited ReportFailure",
            "9<8 FailStateEntered ProcessingFailed",
            "10<9 ExecutionFailed",
        )

        assert seen(events) == [
            ("Validate", "FAILED", 2, 5),
            ("ReportFailure", "SUCCEEDED", 6, 8),
            ("ProcessingFailed", "FAILED", 9, 10),
        ]

    def test_branches_of_a_parallel_are_kept_apart(self) -> None:
        """
        Their events are interleaved; the Parallel state ends when all branches have ended.
        """
        events = history(
            "2<0 ParallelStateEntered Processing",
            "3<2 ParallelStateStarted",
            "4<3 TaskStateEntered Thumbnails",
            "5<3 TaskStateEntered Videos",
            "6<4 LambdaFunctionScheduled",
            "7<5 TaskScheduled",
            "8<7 TaskSubmitted",
            "9<6 LambdaFunctionSucceeded",
            "10<9 TaskStateExited Thumbnails",
            "11<8 TaskSucceeded",
            "12<11 TaskStateExited Videos",
            "13<12 ParallelStateSucceeded",
            "14<13 ParallelStateExited Processing",
            "15<14 SucceedStateEntered Done",
            "16<15 SucceedStateExited Done",
            "17<16 ExecutionSucceeded",
        )

        assert seen(events) == [
            ("Processing", "SUCCEEDED", 2, 14),
            ("Thumbnails", "SUCCEEDED", 4, 10),
            ("Videos", "SUCCEEDED", 5, 12),
            ("Done", "SUCCEEDED", 15, 16),
        ]

    def test_a_failing_branch_fails_the_parallel_and_aborts_the_other(self) -> None:
        """
        The error is caught outside: the Parallel state failed, and its branches ended with it.
        """
        events = history(
            "2<0 ParallelStateEntered Processing",
            "3<2 ParallelStateStarted",
            "4<3 TaskStateEntered Thumbnails",
            "5<3 TaskStateEntered Videos",
            "6<4 LambdaFunctionFailed",
            "7<5 TaskStateAborted",
            "8<6 ParallelStateFailed",
            "9<8 ParallelStateExited Processing",
            "10<9 TaskStateEntered ReportFailure",
        )

        assert seen(events) == [
            ("Processing", "FAILED", 2, 9),
            ("Thumbnails", "FAILED", 4, 9),
            ("Videos", "FAILED", 5, 7),
            ("ReportFailure", "RUNNING", 10, None),
        ]

    def test_items_of_a_map_are_separate_steps(self) -> None:
        """
        Each iteration is a step of its own, also if they end in another order.
        """
        events = history(
            "2<0 MapStateEntered ProcessVideos",
            "3<2 MapStateStarted",
            "4<3 MapIterationStarted",
            "5<4 TaskStateEntered TranscodeVideo",
            "6<3 MapIterationStarted",
            "7<6 TaskStateEntered TranscodeVideo",
            "8<7 TaskSucceeded",
            "9<8 TaskStateExited TranscodeVideo",
            "10<9 MapIterationSucceeded",
            "11<5 TaskSucceeded",
            "12<11 TaskStateExited TranscodeVideo",
            "13<12 MapIterationSucceeded",
            "14<13 MapStateSucceeded",
            "15<14 MapStateExited ProcessVideos",
        )

        assert seen(events) == [
            ("ProcessVideos", "SUCCEEDED", 2, 15),
            ("TranscodeVideo", "SUCCEEDED", 5, 12),
            ("TranscodeVideo", "SUCCEEDED", 7, 9),
        ]

    def test_a_time_out_ends_the_running_states(self) -> None:
        """
        An execution that has ended has no running state.
        """
        events = history(
            "2<0 ParallelStateEntered Processing",
            "3<2 ParallelStateStarted",
            "4<3 TaskStateEntered Thumbnails",
            "5<4 ExecutionTimedOut",
        )

        assert seen(events) == [("Processing", "FAILED", 2, 5), ("Thumbnails", "FAILED", 4, 5)]
