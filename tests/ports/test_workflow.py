"""
The engine of state machines: what every one promises.
"""

from typing import Any

from harness.service.core.ports.workflow import ExecutionStatus

NAME = "batch-0b6e2f9e-0000-4000-8000-000000000000-job-41"


class TestStart:
    def test_the_same_name_starts_once(self, engine: Any) -> None:
        """
        A second start returns the ARN of the first, even with another input, even when it has ended.
        """
        first = engine.workflow.start(NAME, {"fail": False, "n": 1})
        again = engine.workflow.start(NAME, {"fail": False, "n": 1})
        engine.finish(NAME)
        other_input = engine.workflow.start(NAME, {"fail": False, "n": 2})

        assert again == first
        assert other_input == first
        assert engine.workflow.find(NAME).output == {"fail": False, "n": 1}

    def test_the_arn_ends_in_the_name(self, engine: Any) -> None:
        """
        So that people can find it.
        """
        assert engine.workflow.start(NAME, {"fail": False}).endswith(f":{NAME}")


class TestFind:
    def test_an_execution_nobody_started_is_none(self, engine: Any) -> None:
        """
        Not there is an answer, not an error.
        """
        assert engine.workflow.find(NAME) is None

    def test_one_that_succeeded_has_an_output(self, engine: Any) -> None:
        """
        As the machine gave it.
        """
        arn = engine.workflow.start(NAME, {"fail": False, "name": "façade"})
        engine.finish(NAME)

        found = engine.workflow.find(NAME)

        assert (found.arn, found.status) == (arn, ExecutionStatus.SUCCEEDED)
        assert found.output == {"fail": False, "name": "façade"}

    def test_one_that_failed_says_why(self, engine: Any) -> None:
        """
        Error and cause, and no output.
        """
        engine.workflow.start(NAME, {"fail": True})
        engine.fail(NAME)

        found = engine.workflow.find(NAME)

        assert found.status is ExecutionStatus.FAILED
        assert (found.output, found.error, found.cause) == (None, "Poison", "bad input")


def test_an_unknown_execution_has_no_steps(engine: Any) -> None:
    """
    Empty, not an error.
    """
    arn = engine.workflow.start(NAME, {"fail": False})

    assert engine.workflow.steps(f"{arn}-unknown") in ([], ())


def test_it_answers_a_ping(engine: Any) -> None:
    """
    An engine that is there says nothing.
    """
    engine.workflow.ping()
