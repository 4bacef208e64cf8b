"""Executions of a state machine in memory: they start and end, but run no state."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.service.core.errors import Unavailable
from harness.service.core.ports.workflow import ExecutionStatus, Step, Workflow, WorkflowExecution

_ARN = "arn:aws:states:us-east-1:123456789012:execution:listing-media-processing-sm:"


class InMemoryWorkflow(Workflow):
    """
    The executions; a test ends them with `end`. If *available* is False, every call raises `Unavailable`.

    *inputs* has the input of each execution by name, in order of start.
    """

    def __init__(self) -> None:
        self.available = True
        self.inputs: dict[str, Mapping[str, object]] = {}
        self._lock = threading.Lock()
        self._executions: dict[str, WorkflowExecution] = {}
        self._finished_work: dict[str, Mapping[str, object]] = {}
        self._steps: dict[str, tuple[Step, ...]] = {}

    def start(self, name: str, payload: Mapping[str, object]) -> str:
        self.ping()
        with self._lock:
            if name not in self._executions:
                self._executions[name] = WorkflowExecution(f"{_ARN}{name}", ExecutionStatus.RUNNING)
                self.inputs[name] = payload
            return self._executions[name].arn

    def find(self, name: str) -> WorkflowExecution | None:
        self.ping()
        return self._executions.get(name)

    def finished_work(self, arn: str) -> Mapping[str, object] | None:
        self.ping()
        return self._finished_work.get(arn)

    def steps(self, arn: str) -> Sequence[Step]:
        self.ping()
        return self._steps.get(arn, ())

    def ping(self) -> None:
        if not self.available:
            raise Unavailable("The workflow service does not answer.")

    def end(
        self,
        name: str,
        status: ExecutionStatus = ExecutionStatus.SUCCEEDED,
        *,
        output: Mapping[str, object] | None = None,
        error: str | None = None,
        cause: str | None = None,
    ) -> None:
        """End a running execution; an execution that has ended does not change."""
        with self._lock:
            execution = self._executions[name]
            if execution.status is ExecutionStatus.RUNNING:
                ended = replace(execution, status=status, output=output, error=error, cause=cause)
                self._executions[name] = ended

    def forget(self, name: str) -> None:
        """Lose an execution, as a service does that loses its memory."""
        with self._lock:
            del self._executions[name], self.inputs[name]

    def finish_work(self, name: str, state: Mapping[str, object]) -> None:
        """Set the state that an execution has since it made its bundle."""
        self._finished_work[self._executions[name].arn] = state

    def enter(self, name: str, *steps: Step) -> None:
        """Set the states that an execution has entered."""
        self._steps[self._executions[name].arn] = steps
