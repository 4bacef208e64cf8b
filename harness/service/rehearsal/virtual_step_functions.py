"""The real state machine in virtual time: Step Functions as the service and its functions see it."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from harness.blueprint.template import load_template
from harness.service.core.ports.workflow import ExecutionStatus, Step, Workflow, WorkflowExecution
from harness.service.rehearsal.virtual_time import VirtualTime
from harness.states_language.asl_interpreter import Interpreter
from harness.states_language.execution import Execution, Position
from harness.states_language.host import Callback, Host, TaskAttempt, nanoseconds
from harness.states_language.machine import StateMachine
from harness.states_language.parser import parse_state_machine
from harness.states_language.program import AnyNode, Program, compile_machine

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:listing-media-processing-sm"
AFTER_BUNDLE = "FinalizeAndCallback"
"""The state that follows the bundle: the work is done when it is entered."""

TaskWorker = Callable[[TaskAttempt], None]


@cache
def _machine() -> tuple[StateMachine, Program]:
    machine = parse_state_machine(load_template(parameters={"CallbackUrl": ""}).state_machine.definition)
    return machine, compile_machine(machine)


class VirtualStepFunctions(Host, Workflow):
    """
    All executions.

    Args:
        work: Begins the work of a Task.
        ended: Called with each execution that has ended.
    """

    epoch = EPOCH
    machine: Mapping[str, str] = MappingProxyType({"Id": ARN, "Name": ARN.rpartition(":")[2]})

    def __init__(self, time: VirtualTime, work: TaskWorker, ended: Callable[[Execution], None]) -> None:
        self._time = time
        self._work = work
        self._on_end = ended
        self.executions: dict[str, Execution] = {}
        self.finished: dict[str, Mapping[str, Any]] = {}

    @property
    def now(self) -> int:  # type: ignore[override]  # the clock sets it
        return self._time.now

    @property
    def running(self) -> int:
        return sum(execution.status is None for execution in self.executions.values())

    # For the service.

    def start(self, name: str, payload: Mapping[str, object]) -> str:
        if name not in self.executions:
            machine, program = _machine()
            # As JSON: an execution gets a copy.
            execution = Execution(name, json.loads(json.dumps(payload)))
            self.executions[name] = execution
            interpreter = Interpreter(self, program, execution)
            self._time.call_in(0, interpreter.start)
            if machine.timeout_seconds is not None:
                self._time.call_in(nanoseconds(machine.timeout_seconds), interpreter.time_out)
        return arn_of(name)

    def find(self, name: str) -> WorkflowExecution | None:
        execution = self.executions.get(name)
        if execution is None:
            return None
        status = ExecutionStatus(execution.status) if execution.status else ExecutionStatus.RUNNING
        return WorkflowExecution(arn_of(name), status, execution.output, execution.error, execution.cause)

    def finished_work(self, arn: str) -> Mapping[str, object] | None:
        return self.finished.get(arn)

    def steps(self, arn: str) -> Sequence[Step]:
        del arn
        return ()

    def ping(self) -> None:
        """Step Functions answers."""

    # For the interpreter.

    def call_in(self, delay: int, position: Position, node: AnyNode, callback: Callback) -> None:
        del position, node
        self._time.call_in(delay, callback)

    def work(self, attempt: TaskAttempt) -> None:
        if attempt.node.name == AFTER_BUNDLE:
            self.finished[arn_of(attempt.execution.name)] = attempt.payload["Payload"]["detail"]
        self._work(attempt)

    def draw(self, purpose: str, position: Position) -> float:
        del purpose, position
        return 0.5

    def ended(self, execution: Execution) -> None:
        self._on_end(execution)

    def retried(self) -> None:
        """Count nothing."""

    def caught(self, position: Position, error: str, cause: str) -> None:
        """Count nothing."""

    def record(
        self,
        position: Position,
        ready_at: int,
        started_at: int | None,
        finished_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        """Keep nothing of an attempt."""


def arn_of(name: str) -> str:
    """Return the ARN of an execution."""
    return f"{ARN.replace(':stateMachine:', ':execution:')}:{name}"
