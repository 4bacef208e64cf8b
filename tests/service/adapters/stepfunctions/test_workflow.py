"""
The parts of the Step Functions adapter outside the contract: real histories and network errors.
"""

import json
import socket
import uuid

import boto3
import pytest
from botocore.stub import Stubber

from harness.service.adapters.stepfunctions.workflow import StepFunctionsWorkflow
from harness.service.core.errors import Unavailable
from harness.service.core.ports.workflow import ExecutionStatus

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
MACHINE = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": True}}},
                {
                    "StartAt": "Each",
                    "States": {
                        "Each": {
                            "Type": "Map",
                            "ItemsPath": "$.items",
                            "ItemProcessor": {
                                "ProcessorConfig": {"Mode": "INLINE"},
                                "StartAt": "Item",
                                "States": {"Item": {"Type": "Pass", "End": True}},
                            },
                            "End": True,
                        }
                    },
                },
            ],
            "Next": "Done",
        },
        "Done": {"Type": "Fail", "Error": "Poison"},
    },
}


@pytest.mark.stack
def test_the_states_of_a_real_execution_are_returned(aws: boto3.Session) -> None:
    """
    Parallel, branches, Map and its items; all have ended, and only the last one failed.
    """
    machine = aws.client("stepfunctions").create_state_machine(
        name=f"sm-{uuid.uuid4()}", definition=json.dumps(MACHINE), roleArn="arn:aws:iam::123456789012:role/r"
    )
    workflow = StepFunctionsWorkflow(aws, state_machine_arn=machine["stateMachineArn"])
    arn = workflow.start("run", {"items": [1, 2, 3]})
    while (found := workflow.find("run")) is None or found.status is ExecutionStatus.RUNNING:
        pass

    steps = workflow.steps(arn)

    assert sorted((step.name, step.status) for step in steps) == [
        ("Both", "SUCCEEDED"),
        ("Done", "FAILED"),
        ("Each", "SUCCEEDED"),
        ("Item", "SUCCEEDED"),
        ("Item", "SUCCEEDED"),
        ("Item", "SUCCEEDED"),
        ("Left", "SUCCEEDED"),
    ]
    assert steps[0].name == "Both"
    assert all(step.started_at and step.finished_at for step in steps)


@pytest.mark.parametrize(
    ("output", "finished"),
    [
        ({"jobId": 7, "zip": {"key": "1/zip/b/7/full.zip"}}, True),
        ({"jobId": 7, "error": {"Error": "Rejected", "Cause": "TOO_LARGE: the ZIP"}}, False),
    ],
)
def test_a_bundle_state_that_was_caught_is_no_finished_work(
    output: dict[str, object], finished: bool
) -> None:
    """
    Step Functions writes that a state was exited also if its error was caught.
    """
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:sm"
    workflow = StepFunctionsWorkflow(boto3.Session(**CREDENTIALS), state_machine_arn=arn)
    exited = {
        "id": 9,
        "type": "TaskStateExited",
        "timestamp": 0,
        "stateExitedEventDetails": {"name": "CreateZipBundle", "output": json.dumps(output)},
    }
    with Stubber(workflow._client) as stepfunctions:
        stepfunctions.add_response("get_execution_history", {"events": [exited]})

        state = workflow.finished_work(f"{arn.replace(':stateMachine:', ':execution:')}:n")

    assert state == (output if finished else None)


@pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "InvalidArn"])
def test_an_id_of_no_execution_has_no_steps(code: str) -> None:
    """
    A callback may name its job of MediaConvert before the dispatcher has noted the execution.
    """
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:sm"
    workflow = StepFunctionsWorkflow(boto3.Session(**CREDENTIALS), state_machine_arn=arn)
    with Stubber(workflow._client) as stepfunctions:
        stepfunctions.add_client_error("get_execution_history", code, http_status_code=400)

        assert workflow.steps("1700000000000-abc") == []


def test_an_engine_that_cannot_be_reached_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No server listens: every call raises `Unavailable`.
    """
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        arn = "arn:aws:states:us-east-1:123456789012:stateMachine:sm"
        workflow = StepFunctionsWorkflow(boto3.Session(**CREDENTIALS), state_machine_arn=arn)

        for call in (
            lambda: workflow.start("n", {}),
            lambda: workflow.find("n"),
            lambda: workflow.steps(arn),
        ):
            with pytest.raises(Unavailable, match="Step Functions does not answer"):
                call()
        with pytest.raises(Unavailable, match=f"State machine {arn} does not answer"):
            workflow.ping()
