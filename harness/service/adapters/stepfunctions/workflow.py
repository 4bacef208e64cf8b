"""
The state machine, run by Step Functions.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from harness.service.adapters.stepfunctions.execution_steps import steps_of
from harness.service.core.errors import Unavailable
from harness.service.core.ports.workflow import ExecutionStatus, Step, Workflow, WorkflowExecution

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10


class StepFunctionsWorkflow(Workflow):
    """
    One state machine.

    Args:
        session: Region and credentials; endpoints come from ``AWS_ENDPOINT_URL_SFN`` or ``AWS_ENDPOINT_URL``.
        threads: How many callers at once share the connections [count].
    """

    def __init__(self, session: boto3.Session, *, state_machine_arn: str, threads: int = 32) -> None:
        self._client = session.client(
            "stepfunctions",
            config=Config(
                max_pool_connections=threads,
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
        )
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, payload: Mapping[str, object]) -> str:
        try:
            with _answering():
                started = self._client.start_execution(
                    stateMachineArn=self._state_machine_arn, name=name, input=json.dumps(payload)
                )
        except self._client.exceptions.ExecutionAlreadyExists:
            return self._arn(name)
        return started["executionArn"]

    def find(self, name: str) -> WorkflowExecution | None:
        try:
            with _answering():
                found = self._client.describe_execution(executionArn=self._arn(name))
        except self._client.exceptions.ExecutionDoesNotExist:
            return None
        output = found.get("output")
        return WorkflowExecution(
            arn=found["executionArn"],
            status=ExecutionStatus(found["status"]),
            output=json.loads(output) if output else None,
            error=found.get("error"),
            cause=found.get("cause"),
        )

    def steps(self, arn: str) -> Sequence[Step]:
        history = self._client.get_paginator("get_execution_history")
        try:
            with _answering():
                pages = history.paginate(executionArn=arn, includeExecutionData=False)
                return steps_of([event for page in pages for event in page["events"]])
        except self._client.exceptions.ExecutionDoesNotExist:
            return []

    def ping(self) -> None:
        try:
            with _answering():
                self._client.describe_state_machine(stateMachineArn=self._state_machine_arn)
        except ClientError as error:
            raise Unavailable(
                f"Step Functions does not give us {self._state_machine_arn}: {error}"
            ) from error

    def _arn(self, name: str) -> str:
        return f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


@contextmanager
def _answering() -> Iterator[None]:
    """Say `Unavailable` when Step Functions cannot be reached, is in trouble or throttles."""
    try:
        yield
    except (NoConnection, HTTPClientError) as error:
        raise Unavailable(f"Step Functions does not answer: {error}") from error
    except ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        if status >= 500 or code in ("ThrottlingException", "ExecutionLimitExceeded"):
            raise Unavailable(f"Step Functions is in trouble: {error}") from error
        raise
