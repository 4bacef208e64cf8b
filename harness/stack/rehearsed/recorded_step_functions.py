"""Step Functions of a rehearsed run: executions with their metrics and steps. Times in nanoseconds."""

from collections.abc import Callable, Mapping
from typing import Any

from harness.lab.sim.model.step_functions import END_METRICS
from harness.service.rehearsal.virtual_step_functions import ARN, TaskWorker, VirtualStepFunctions
from harness.service.rehearsal.virtual_time import VirtualTime
from harness.stack.rehearsed.run_recorder import RehearsedRecorder
from harness.states_language.execution import Execution, Position

LABELS = {"StateMachineArn": ARN}


class RecordedStepFunctions(VirtualStepFunctions):
    """The executions of a run."""

    def __init__(
        self,
        time: VirtualTime,
        work: TaskWorker,
        ended: Callable[[Execution], None],
        recorder: RehearsedRecorder,
    ) -> None:
        super().__init__(time, work, ended)
        self._recorder = recorder

    def start(self, name: str, payload: Mapping[str, object]) -> str:
        is_new = name not in self.executions
        arn = super().start(name, payload)
        if is_new:
            self._recorder.metric("AWS/States/ExecutionsStarted", LABELS, 1.0)
        return arn

    def ended(self, execution: Execution) -> None:
        for name, status in END_METRICS:
            self._recorder.metric(name, LABELS, float(execution.status is status))
        super().ended(execution)

    def record(
        self,
        position: Position,
        ready_at: int,
        started_at: int | None,
        finished_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        assert position.node is not None  # noqa: S101 - the branch is in a state
        given: Mapping[str, Any] = position.execution.input
        self._recorder.folder.step(
            int(given["jobId"]), position.node.name, position.item, position.number, ready_at, started_at,
            finished_at, outcome, error,
        )  # fmt: skip
