"""The simulated Step Functions: the host of executions. Times are nanoseconds."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import simpy
from simpy.events import Event, Process, ProcessGenerator

from harness.lab.results.metric_names import labels_text
from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import StepFunctionsSettings
from harness.lab.sim.platform.token_bucket import TokenBucket
from harness.lab.workload.draws import Stream
from harness.states_language.asl_interpreter import Interpreter
from harness.states_language.execution import Execution, Position, Status
from harness.states_language.host import Callback, Deadline, Host, TaskAttempt, nanoseconds
from harness.states_language.program import AnyNode, CompiledTask, Program

_DEFINITION_ERRORS = {
    "States.IntrinsicFailure",
    "States.NoChoiceMatched",
    "States.ParameterPathFailure",
    "States.ResultPathMatchFailure",
    "States.Runtime",
}
"""Errors of the state machine itself, not of the work of its Tasks."""

_REFUSED_PAYLOADS = ("INTERNAL_ERROR: ", "CALLBACK_REFUSED: ")
"""What the causes of functions begin with whose payload is not one of theirs."""

END_METRICS = (
    ("AWS/States/ExecutionsSucceeded", Status.SUCCEEDED),
    ("AWS/States/ExecutionsFailed", Status.FAILED),
    ("AWS/States/ExecutionsTimedOut", Status.TIMED_OUT),
)
"""Metrics of the end of an execution: the one with its status gets a 1, the others a 0."""

_TIMER = order(Kind.TIMER)

Worker = Callable[[TaskAttempt], None]
"""Does the work of one attempt of a Task."""


class _Running(NamedTuple):
    """A running execution, and the event of its end."""

    interpreter: Interpreter
    end: Event


class SimulatedStepFunctions(Host):
    """
    The host of all executions of a run.

    Args:
        workers: The worker of each Task, by the name of its state.
        input_of: Returns the input of the execution of a job.
        time_limit: Time limit of an execution [s]; None without one.
        ended: Called with each execution that has ended.
    """

    def __init__(
        self,
        env: OrderedEnvironment,
        settings: StepFunctionsSettings,
        program: Program,
        workers: Mapping[str, Worker],
        recorder: RowRecorder,
        source: RandomSource,
        *,
        input_of: Callable[[MediaJob], Any],
        arn: str,
        time_limit: float | None,
        epoch: datetime,
        ended: Callable[[Execution], None],
        host: HostWork,
    ) -> None:
        self.epoch = epoch
        self.machine = {"Id": arn, "Name": arn.rpartition(":")[2]}
        self._env = env
        self._host = host
        self._is_transition = False
        self._program = program
        self._workers = workers
        self._recorder = recorder
        self._ended = ended
        self._input_of = input_of
        self._source = source
        self._start_tokens = TokenBucket(settings.start_bucket, settings.start_per_s)
        self._transition_tokens = TokenBucket(settings.transition_bucket, settings.transition_per_s)
        self._start_latency = source.latencies(settings.start_s, "states/start", 1)
        self._task_latency = source.latencies(settings.hop_s, "states/hop", 12)
        self._plain_latency = source.latencies(settings.plain_hop_s, "states/plain_hop", 12)
        self._time_limit = None if time_limit is None else nanoseconds(time_limit)
        self._labels = labels_text({"StateMachineArn": arn})
        self._streams: dict[str, Stream] = {}
        self._running: dict[int, _Running] = {}
        self._definition_errors: Counter[tuple[str, str]] = Counter()
        self._causes: dict[tuple[str, str], str] = {}
        self.transitions = 0

    @property
    def now(self) -> int:  # type: ignore[override]  # this host never sets it
        return self._env.now

    @property
    def remarks(self) -> list[str]:
        """The failures caused by the state machine itself, one sentence for each state and error."""
        return [
            f"{state}: {error} {count} times: {self._causes[state, error]}"
            for (state, error), count in self._definition_errors.items()
        ]

    def start(self, job: MediaJob) -> bool:
        """Start an execution for a job; return False if the request was throttled."""
        if not self._start_tokens.take(self._env.now):
            return False
        arrival = job.batch.arrival
        execution = Execution(f"batch-{job.batch.id}-job-{job.id}", self._input_of(job), arrival, job)
        job.execution = execution
        running = _Running(Interpreter(self, self._program, execution), self._env.event())
        self._running[job.id] = running
        self._metric("AWS/States/ExecutionsStarted", 1.0)
        process = self._env.process(self._execution(running))
        if self._time_limit is not None:
            key = order(Kind.DEADLINE, arrival, 0, job.attempt)
            self._env.call_in(self._time_limit, key, partial(_interrupt, process))
        return True

    def _execution(self, running: "_Running") -> ProcessGenerator:
        """Process of one execution, from its start to its end; it is interrupted at the time limit."""
        interpreter = running.interpreter
        execution = interpreter.execution
        job: MediaJob = execution.subject
        arrival, attempt = job.batch.arrival, job.attempt
        try:
            latency = self._start_latency(arrival, 0, attempt)
            yield self._env.after(latency, order(Kind.TIMER, arrival, 0, attempt))
            interpreter.start()
            yield running.end
        except simpy.Interrupt:
            interpreter.time_out()
        del self._running[job.id]
        for name, status in END_METRICS:
            self._metric(name, float(execution.status is status))
        self._count_error(execution.failed_state or "", execution.error, execution.cause or "")
        self._ended(execution)
        # Without reference cycles memory is freed at once.
        execution.subject = execution.input = execution.output = None

    def record_unfinished(self, job: MediaJob) -> None:
        """Record the states that a job's execution is in, if it has not ended."""
        if job.id in self._running:
            self._running[job.id].interpreter.record_unfinished()

    def call_in(self, delay: int, position: Position, node: AnyNode, callback: Callback) -> None:
        key = _TIMER + (position.execution.entity << 36) + (position.item << 16) + node.index
        if self._is_transition:
            self._is_transition = False
            self._host.call_in(delay, self._host.transition, key, callback)
        else:
            self._env.call_in(delay, key, callback)

    def deadline_in(self, delay: int, attempt: TaskAttempt, callback: Callback) -> Deadline:
        deadline = Deadline(callback)
        key = order(Kind.DEADLINE, attempt.execution.entity, attempt.item, attempt.number)
        self._env.call_in(delay, key, deadline.expire)
        return deadline

    def transition(self, position: Position, node: AnyNode) -> int:
        self.transitions += 1
        wait = self._transition_tokens.delay(self._env.now)
        execution = position.execution
        if execution.transitions == 0:
            # The latency of the first transition is part of the start.
            return wait
        is_task = isinstance(node, CompiledTask)
        latency = self._task_latency if is_task else self._plain_latency
        delay = wait + latency(execution.entity, execution.transitions, execution.subject.attempt)
        # A delay is followed by its `call_in` at once.
        self._is_transition = is_task and delay > 0 and self._host.is_shared
        return delay

    def work(self, attempt: TaskAttempt) -> None:
        self._workers[attempt.node.name](attempt)

    def retried(self) -> None:
        self.transitions += 1

    def draw(self, purpose: str, position: Position) -> float:
        assert position.node is not None  # noqa: S101 - only states draw
        name, execution = f"states/{purpose}/{position.node.name}", position.execution
        if name not in self._streams:
            self._streams[name] = self._source.stream(name)
        number = execution.subject.batch.count(name, position.thread)
        return self._streams[name](execution.entity, position.thread, number)

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
        job_id, state = position.execution.subject.id, position.node.name
        self._recorder.step(
            job_id, state, position.item, position.number, ready_at, started_at, finished_at, outcome, error
        )

    def caught(self, position: Position, error: str, cause: str) -> None:
        assert position.node is not None  # noqa: S101 - the branch is in a state
        self._count_error(position.node.name, error, cause)

    def ended(self, execution: Execution) -> None:
        self._running[execution.subject.id].end.succeed()

    def _count_error(self, state: str, error: str | None, cause: str) -> None:
        if error is not None and is_of_definition(error, cause):
            self._definition_errors[state, error] += 1
            self._causes.setdefault((state, error), cause)

    def _metric(self, name: str, value: float) -> None:
        self._recorder.metric(self._env.now, name, self._labels, value)


def _interrupt(execution: Process) -> None:
    """Interrupt an execution at its time limit, unless it has ended."""
    if execution.is_alive:
        execution.interrupt("time limit")


def is_of_definition(error: str, cause: str) -> bool:
    """Return whether the state machine causes a failure: by itself, or by a payload that is refused."""
    return error in _DEFINITION_ERRORS or (error == "Rejected" and cause.startswith(_REFUSED_PAYLOADS))


def event_of(attempt: TaskAttempt) -> Any:
    """Return the event of a Lambda function: the Task's payload, or the part of it named ``Payload``."""
    payload = attempt.payload
    if attempt.node.is_bare or not isinstance(payload, dict):
        return payload
    return payload.get("Payload", {})


def result_of(answer: Any, node: CompiledTask) -> Any:
    """Return a Lambda function's answer as the result of its Task."""
    if node.is_bare:
        return answer
    return {"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200}
