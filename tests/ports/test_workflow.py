"""
The contract of `Workflow`.
"""

from typing import Any

from harness.service.core.ports.workflow import ExecutionStatus

NAME = "batch-0b6e2f9e-0000-4000-8000-000000000000-job-41"


class TestStart:
    def test_the_same_name_starts_once(self, engine: Any) -> None:
        """
        A second start returns the ARN of the first execution, also with another input and after its end.
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
        People can find the execution by its name.
        """
        assert engine.workflow.start(NAME, {"fail": False}).endswith(f":{NAME}")


class TestFind:
    def test_an_execution_that_was_not_started_is_none(self, engine: Any) -> None:
        """
        A missing execution is not an error.
        """
        assert engine.workflow.find(NAME) is None

    def test_one_that_succeeded_has_an_output(self, engine: Any) -> None:
        """
        The output of the state machine is returned.
        """
        arn = engine.workflow.start(NAME, {"fail": False, "name": "façade"})
        engine.finish(NAME)

        found = engine.workflow.find(NAME)

        assert (found.arn, found.status) == (arn, ExecutionStatus.SUCCEEDED)
        assert found.output == {"fail": False, "name": "façade"}

    def test_one_that_failed_has_error_and_cause(self, engine: Any) -> None:
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
    The result is empty, without an error.
    """
    arn = engine.workflow.start(NAME, {"fail": False})

    assert engine.workflow.steps(f"{arn}-unknown") in ([], ())


def test_it_answers_a_ping(engine: Any) -> None:
    """
    A ping returns without an error.
    """
    engine.workflow.ping()
