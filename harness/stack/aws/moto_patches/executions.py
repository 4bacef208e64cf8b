"""
Replaces moto's list of executions, and the start and the stop of an execution.

moto searches all executions to find one, gives two executions the name ``None`` if the caller gives no name,
does not keep why an execution was stopped, and lets a stopped execution run until its task ends. It sends no
EventBridge event when an execution ends; here one is sent, without the output. Histories are in
`harness.stack.aws.moto_patches.histories`.
"""

import json
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partialmethod
from operator import itemgetter
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.events.models import events_backends
from moto.stepfunctions import models
from moto.stepfunctions.exceptions import ExecutionDoesNotExist
from moto.stepfunctions.parser import models as parser_models
from moto.stepfunctions.parser.api import (
    ExecutionAbortedEventDetails,
    ExecutionStartedEventDetails,
    ExecutionStatus,
    HistoryEventExecutionDataDetails,
    HistoryEventType,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.backend import execution as backend_execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.responses import StepFunctionResponse

from harness.stack.aws.moto_patches.histories import events_of, output_text, pack, slim_events_of
from harness.stack.aws.moto_patches.source import replace

KEPT_ENDED = 1000
"""Executions of a state machine that stay complete after their end."""
KEPT_RETIRED = 50_000
"""Older ones whose summary is kept: about 120 MB. A run of more batches lacks the steps of its first."""

Record = Callable[[str, str, dict[str, str], float], None]
"""Stores a datum: namespace, metric, dimensions, value."""

EVENT_DATA_MAX = 248 * 1024
"""Largest input that the event of an execution's end includes [characters]."""


def install(record: Record) -> None:
    """Replace moto's handling of executions; *record* gets the ``AWS/States`` metrics of starts and ends."""
    # Other services must see the state machines that the interpreter executes.
    models.stepfunctions_backends = parser_models.stepfunctions_parser_backends
    replace(models.StateMachine, "__init__", "dd06eb65ded8", _init_machine)
    replace(models.StateMachine, "stop_execution", "ffddc920e927", _stop_execution)
    replace(models.StateMachine, "_handle_name_input_idempotency", "cc38771b4fab", _find_same_start)
    replace(models.StepFunctionBackend, "describe_execution", "d73cdd47493c", _find_execution)
    replace(models.StepFunctionBackend, "describe_state_machine_for_execution", "fac144a837a8", _machine_of)
    backend = parser_models.StepFunctionsParserBackend
    replace(backend, "start_execution", "f09a7457fe06", partialmethod(_start_execution, record))
    replace(
        backend_execution.Execution,
        "to_history_output",
        "013f42f3c186",
        lambda self: {"events": events_of(self)},
    )
    replace(backend_execution.Execution, "stop", "a99e0e4c1145", _stop)
    replace(
        backend_execution.BaseExecutionWorkerCommunication,
        "terminated",
        "60ae632ef979",
        partialmethod(_terminated, record),
    )
    replace(ExecutionWorker, "start", "a776081d74c1", _start_worker)
    replace(ExecutionWorker, "_execution_logic", "b6f86b0dc6b2", _run)
    replace(StepFunctionResponse, "stop_execution", "86d2841f7070", _answer_stop)
    replace(StepFunctionResponse, "describe_execution", "c0cd30253243", _answer_describe)


@dataclass(frozen=True, slots=True)
class RetiredExecution:
    """What the tools of the stack need of an execution that the API does not describe any more."""

    name: str
    execution_arn: str
    status: str
    started_at: float
    slim_history: bytes


class Executions(list[Any]):
    """
    The executions of one state machine, in order of start, found by name or ARN.

    The last `KEPT_ENDED` that have ended are complete. Of `KEPT_RETIRED` before them a summary is kept for
    the tools of the stack: about 2 kB. Their names stay taken, so that a repeated start is still refused.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_name: dict[str, Any] = {}
        self.by_arn: dict[str, Any] = {}
        self.retired: dict[str, RetiredExecution] = {}
        self.starting = threading.Lock()
        self._ended: deque[Any] = deque()

    def append(self, execution: Any) -> None:
        super().append(execution)
        self.by_name[execution.name] = execution
        self.by_arn[execution.execution_arn] = execution

    def ended(self, execution: Any) -> None:
        """Retire the execution that ended longest ago, if more than `KEPT_ENDED` are complete."""
        with self.starting:
            self._ended.append(execution)
            if len(self._ended) > KEPT_ENDED:
                self._retire(self._ended.popleft())

    def _retire(self, execution: Any) -> None:
        self.retired[execution.name] = RetiredExecution(
            execution.name,
            execution.execution_arn,
            execution.status,
            execution.start_date.timestamp(),
            execution.slim_history,
        )
        if len(self.retired) > KEPT_RETIRED:
            del self.retired[next(iter(self.retired))]
        self.remove(execution)
        del self.by_name[execution.name], self.by_arn[execution.execution_arn]


def executions_since(started_at: float) -> list[dict[str, Any]]:
    """Return the executions started at or after *started_at* [s since the epoch], in order of start."""
    found = [
        (at, execution)
        for regions in list(parser_models.stepfunctions_parser_backends.values())
        for backend in list(regions.values())
        for machine in list(backend.state_machines)
        for at, execution in _with_starts(machine.executions)
        if at >= started_at
    ]
    return [
        {
            "executionArn": execution.execution_arn,
            "name": execution.name,
            "status": execution.status,
            "events": slim_events_of(execution),
        }
        for _, execution in sorted(found, key=itemgetter(0))
    ]


def _with_starts(executions: Executions) -> list[tuple[float, Any]]:
    with executions.starting:
        retired = [(one.started_at, one) for one in executions.retired.values()]
        return retired + [(one.start_date.timestamp(), one) for one in executions]


_init_machine_of_moto = models.StateMachine.__init__
_start_execution_of_moto = parser_models.StepFunctionsParserBackend.start_execution
_terminating = threading.Lock()
_END_METRICS = {
    ExecutionStatus.SUCCEEDED: "ExecutionsSucceeded",
    ExecutionStatus.FAILED: "ExecutionsFailed",
    ExecutionStatus.TIMED_OUT: "ExecutionsTimedOut",
    ExecutionStatus.ABORTED: "ExecutionsAborted",
}


def _init_machine(self: Any, *args: Any, **kwargs: Any) -> None:
    _init_machine_of_moto(self, *args, **kwargs)
    self.executions = Executions()


def _find_same_start(self: Any, name: str, execution_input: str) -> Any:
    existing = self.executions.by_name.get(name) or self.executions.retired.get(name)
    if existing is None:
        return None
    if isinstance(existing, RetiredExecution):
        raise models.ExecutionAlreadyExists(f"Execution Already Exists: '{existing.execution_arn}'")
    if existing.execution_input == execution_input and existing.status == "RUNNING":
        return existing
    raise models.ExecutionAlreadyExists(f"Execution Already Exists: '{existing.execution_arn}'")


def _find_execution(self: Any, execution_arn: str) -> Any:
    self._validate_execution_arn(execution_arn)
    machine = self._get_state_machine_for_execution(execution_arn)
    try:
        return machine.executions.by_arn[execution_arn]
    except KeyError:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{execution_arn}'") from None


def _machine_of(self: Any, execution_arn: str) -> Any:
    return self.describe_execution(execution_arn).state_machine


def _start_execution(
    self: Any,
    record: Record,
    state_machine_arn: str,
    name: str | None = None,
    execution_input: str | None = None,
    trace_header: str | None = None,
) -> Any:
    machine = self.describe_state_machine(state_machine_arn)
    with machine.executions.starting:
        before = len(machine.executions)
        execution = _start_execution_of_moto(
            self, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header
        )
        started = len(machine.executions) > before
    if started:
        record("AWS/States", "ExecutionsStarted", {"StateMachineArn": machine.arn}, 1.0)
    return execution


def _start_worker(self: Any) -> None:
    # Create the environment before the thread: an execution can be stopped as soon as it has started.
    self.env = self._get_evaluation_environment()
    threading.Thread(target=self._execution_logic, daemon=True).start()


def _run(self: Any) -> None:
    details = self._evaluation_details
    self.env.event_manager.add_event(
        context=self.env.event_history_context,
        event_type=HistoryEventType.ExecutionStarted,
        event_details=EventDetails(
            executionStartedEventDetails=ExecutionStartedEventDetails(
                input=to_json_str(details.execution_details.inpt),
                inputDetails=HistoryEventExecutionDataDetails(truncated=False),
                roleArn=details.aws_execution_details.role_arn,
            )
        ),
        update_source_event_id=False,
    )
    self._get_evaluation_entrypoint().eval(self.env)
    self._execution_communication.terminated()


def _stop_execution(self: Any, execution_arn: str, error: str | None = None, cause: str | None = None) -> Any:
    execution = self.executions.by_arn.get(execution_arn)
    if execution is None:
        raise ExecutionDoesNotExist(f"Execution Does Not Exist: '{execution_arn}'")
    execution.stop(stop_date=utcnow(), error=error, cause=cause)
    return execution


def _stop(self: Any, stop_date: datetime, error: str | None, cause: str | None) -> None:
    if self.exec_status != ExecutionStatus.RUNNING:
        return
    env = self.exec_worker.env
    env.set_stop(stop_date=stop_date, cause=cause, error=error)
    given = {"error": error, "cause": cause}
    details = ExecutionAbortedEventDetails({name: text for name, text in given.items() if text is not None})
    env.event_history_context.source_event_id = 0
    env.event_manager.add_event(
        context=env.event_history_context,
        event_type=HistoryEventType.ExecutionAborted,
        event_details=EventDetails(executionAbortedEventDetails=details),
    )
    self.error, self.cause = error, cause
    self.exec_worker._execution_communication.terminated()


def _terminated(self: Any, record: Record) -> None:
    execution = self.execution
    with _terminating:
        if execution.exec_status != ExecutionStatus.RUNNING:
            return  # it was stopped before, and this is the end of its last thread
        self._reflect_execution_status()
    pack(execution)
    dimensions = {"StateMachineArn": execution.state_machine_arn}
    for status, metric in _END_METRICS.items():
        # Zeros too: a metric without data would be INSUFFICIENT_DATA instead of 0.
        record("AWS/States", metric, dimensions, float(status == execution.exec_status))
    took = (execution.stop_date - execution.start_date).total_seconds()
    record("AWS/States", "ExecutionTime", dimensions, 1000 * took)
    for executions in _executions_of(execution):
        executions.ended(execution)
    _announce(execution)


def _announce(execution: Any) -> None:
    """Send the EventBridge event of an execution that has ended; AWS leaves out data that are too large."""
    given = execution.execution_input
    fits = len(given) <= EVENT_DATA_MAX
    detail = {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": int(1000 * execution.start_date.timestamp()),
        "stopDate": int(1000 * execution.stop_date.timestamp()),
        "input": given if fits else None,
        "inputDetails": {"included": fits},
        "output": None,
        "outputDetails": None,
        "error": execution.error,
        "cause": execution.cause,
    }
    event = {
        "Source": "aws.states",
        "DetailType": "Step Functions Execution Status Change",
        "Resources": [execution.execution_arn],
        "Detail": json.dumps(detail),
    }
    _, _, _, region, account, *_ = execution.execution_arn.split(":")
    events_backends[account][region].put_events([event])


def _executions_of(execution: Any) -> list[Executions]:
    """Return the list that holds an execution; none if its state machine was deleted meanwhile."""
    _, _, _, region, account, *_ = execution.execution_arn.split(":")
    machines = list(parser_models.stepfunctions_parser_backends[account][region].state_machines)
    # The execution itself has only a copy of its state machine.
    return [one.executions for one in machines if execution.execution_arn in one.executions.by_arn]


def _answer_stop(self: Any) -> ActionResult:
    arn = self._get_param("executionArn")
    machine = self.stepfunction_backend._get_state_machine_for_execution(arn)
    execution = machine.stop_execution(arn, self._get_param("error"), self._get_param("cause"))
    return ActionResult({"stopDate": execution.stop_date})


def _answer_describe(self: Any) -> ActionResult:
    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    answer = {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.start_date,
        "input": execution.execution_input,
        "inputDetails": {"included": True},
    }
    if execution.stop_date is not None and execution.status != "RUNNING":
        answer["stopDate"] = execution.stop_date
    if execution.status == "SUCCEEDED":
        answer["output"] = output_text(execution)
        answer["outputDetails"] = {"included": True}
    answer |= {name: value for name in ("error", "cause") if (value := getattr(execution, name)) is not None}
    return ActionResult(answer)
