"""The executions of the state machine in Step Functions."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3

from harness.service.aws_clients import client_config, unavailable_errors
from harness.service.core.ports.workflow import ExecutionStatus, Step, Workflow, WorkflowExecution
from harness.states_language.execution_history import ExecutionHistory, RecordedState

if TYPE_CHECKING:
    from types_boto3_stepfunctions.type_defs import HistoryEventTypeDef

BUNDLE_STATE = "CreateZipBundle"
"""The state of the machine after which the work is done; its output has the complete result."""


class StepFunctionsWorkflow(Workflow):
    """One state machine."""

    def __init__(self, session: boto3.Session, *, state_machine_arn: str, threads: int = 32) -> None:
        self._client = session.client("stepfunctions", config=client_config(threads=threads))
        self._state_machine_arn = state_machine_arn

    def start(self, name: str, payload: Mapping[str, object]) -> str:
        try:
            with unavailable_errors("Step Functions"):
                started = self._client.start_execution(
                    stateMachineArn=self._state_machine_arn,
                    name=name,
                    input=json.dumps(payload, ensure_ascii=False),
                )
        except self._client.exceptions.ExecutionAlreadyExists:
            return self._arn(name)
        return started["executionArn"]

    def find(self, name: str) -> WorkflowExecution | None:
        try:
            with unavailable_errors("Step Functions"):
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

    def finished_work(self, arn: str) -> Mapping[str, object] | None:
        history = self._client.get_paginator("get_execution_history")
        try:
            with unavailable_errors("Step Functions"):
                # Newest event first: only retries of the callback follow the bundle.
                for page in history.paginate(executionArn=arn, reverseOrder=True):
                    for event in page["events"]:
                        exited = event.get("stateExitedEventDetails", {})
                        if exited.get("name") == BUNDLE_STATE:
                            state = dict(json.loads(exited["output"]))
                            # A state whose error was caught exits too, without a result.
                            return state if state.get("zip") else None
        except self._client.exceptions.ExecutionDoesNotExist:
            pass
        return None

    def steps(self, arn: str) -> Sequence[Step]:
        history = self._client.get_paginator("get_execution_history")
        try:
            with unavailable_errors("Step Functions"):
                pages = history.paginate(executionArn=arn, includeExecutionData=False)
                return steps_of([event for page in pages for event in page["events"]])
        except (self._client.exceptions.ExecutionDoesNotExist, self._client.exceptions.InvalidArn):
            return []

    def ping(self) -> None:
        with unavailable_errors(f"State machine {self._state_machine_arn}", ping=True):
            self._client.describe_state_machine(stateMachineArn=self._state_machine_arn)

    def _arn(self, name: str) -> str:
        return f"{self._state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"


def steps_of(events: Sequence["HistoryEventTypeDef"]) -> list[Step]:
    """
    Return the states entered, in order of entry.

    A state whose last attempt failed has the status FAILED even if its error was caught.
    """
    return [_step(state) for state in ExecutionHistory(events).states]


def _step(state: RecordedState) -> Step:
    status = "RUNNING" if state.is_open else "FAILED" if state.failed else "SUCCEEDED"
    finished_at = None if state.finished_at is None else datetime.fromtimestamp(state.finished_at, UTC)
    entered_at = datetime.fromtimestamp(state.entered_at, UTC)
    return Step(state.name, status, entered_at, finished_at, item=state.item)
