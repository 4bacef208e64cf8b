"""
Step Functions and those who do its work: where executions of a state machine are played.

Times are nanoseconds.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from harness.lab.results.metric_names import labels_text
from harness.lab.sim.model.engine import Engine, nanoseconds
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.model.media_functions import execution_input
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.platform.latency_draws import Draws
from harness.lab.sim.platform.platform import StepFunctionsSettings
from harness.lab.sim.platform.token_bucket import TokenBucket
from harness.lab.workload.draws import Stream
from harness.states_language.execution import Execution, Status
from harness.states_language.host_clock import Kind, order
from harness.states_language.program import AnyNode, CompiledTask, Program
from harness.states_language.state_entry import TaskAttempt
from harness.states_language.thread import Host, Thread

BROKEN = frozenset(
    {
        "States.IntrinsicFailure",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.ResultPathMatchFailure",
        "States.Runtime",
    }
)
"""Errors of the state machine itself, not of the work it has done."""

ENDS = (
    ("AWS/States/ExecutionsSucceeded", Status.SUCCEEDED),
    ("AWS/States/ExecutionsFailed", Status.FAILED),
    ("AWS/States/ExecutionsTimedOut", Status.TIMED_OUT),
)
"""The metrics of an execution's end: each gets a 1 or a 0."""

Worker = Callable[[TaskAttempt], None]
"""Does the work of a Task's attempt."""


class SimulatedStepFunctions(Host):
    """
    Plays executions.

    Args:
        workers: Who does the work of each Task, by the name of its state.
        time_limit: Of an execution [s]; None without one.
        ended: Told of executions that have ended.

    Attributes:
        transitions: States entered and attempts repeated, by all executions: what AWS bills.
        broken: How often the state machine itself made an execution fail, or a catcher answer, by state
            and error.
    """

    def __init__(
        self,
        engine: Engine,
        settings: StepFunctionsSettings,
        program: Program,
        workers: Mapping[str, Worker],
        recorder: RowRecorder,
        *,
        arn: str,
        time_limit: float | None,
        epoch: datetime,
        seed: int,
        replication: int,
        ended: Callable[[Execution], None],
    ) -> None:
        self.clock = engine
        self.epoch = epoch
        self._program = program
        self._workers = workers
        self._recorder = recorder
        self._ended = ended
        self._seed, self._replication = seed, replication
        self._starts = TokenBucket(settings.start_bucket, settings.start_per_s)
        self._tokens = TokenBucket(settings.transition_bucket, settings.transition_per_s)
        self._start = Draws(settings.start_s, seed, replication, "states/start", 1)
        self._hop = Draws(settings.hop_s, seed, replication, "states/hop", 16)
        self._plain_hop = Draws(settings.plain_hop_s, seed, replication, "states/plain_hop", 16)
        self._time_limit = None if time_limit is None else nanoseconds(time_limit)
        self.machine = {"Id": arn, "Name": arn.rpartition(":")[2]}
        self._labels = labels_text({"StateMachineArn": arn})
        self._streams: dict[str, Stream] = {}
        self.transitions = 0
        self.broken: Counter[tuple[str, str]] = Counter()
        self._causes: dict[tuple[str, str], str] = {}

    @property
    def remarks(self) -> list[str]:
        """What the state machine itself made fail, in words: once for each state and error."""
        return [
            f"{state}: {error} {count} times: {self._causes[state, error]}"
            for (state, error), count in self.broken.items()
        ]

    def start(self, job: MediaJob) -> bool:
        """Start an execution for a job; tell whether the quota let it."""
        now = self.clock.now
        if not self._starts.take(now):
            return False
        name = f"batch-{job.batch.id}-job-{job.id}"
        execution = Execution(self, self._program, name, job.batch.arrival, execution_input(job), job)
        job.execution = execution
        self._metric("AWS/States/ExecutionsStarted", 1.0)
        if self._time_limit is not None:
            key = order(Kind.DEADLINE, job.batch.arrival, 0, job.attempt)
            execution.limit = self.clock.deadline_in(self._time_limit, key, execution.time_out)
        delay = self._start(job.batch.arrival, 0, job.attempt)
        key = order(Kind.TIMER, job.batch.arrival, 0, job.attempt)
        self.clock.call_in(delay, key, lambda _: execution.start())
        return True

    def transition(self, execution: Execution, node: AnyNode) -> int:
        self.transitions += 1
        number = execution.transitions
        execution.transitions = number + 1
        wait = self._tokens.delay(self.clock.now)
        if number == 0:
            # The way to the first state is part of the start.
            return wait
        hop = self._hop if isinstance(node, CompiledTask) else self._plain_hop
        return wait + hop(execution.entity, number, execution.subject.attempt if execution.subject else 1)

    def work(self, attempt: TaskAttempt) -> None:
        self._workers[attempt.node.name](attempt)

    def repeat(self) -> None:
        self.transitions += 1

    def draw(self, purpose: str, walk: Thread) -> float:
        assert walk.node is not None  # noqa: S101 - only states draw
        name, execution = f"states/{purpose}/{walk.node.name}", walk.execution
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = Stream(self._seed, self._replication, name)
        return stream(execution.entity, walk.thread, execution.subject.batch.count(name, walk.thread))

    def step(
        self,
        execution: Execution,
        state: str,
        item: int,
        attempt: int,
        ready_at: int,
        started_at: int | None,
        finished_at: int | None,
        outcome: str | None,
        error: str | None,
    ) -> None:
        self._recorder.steps.extend(
            (execution.subject.id, state, item, attempt, ready_at, started_at, finished_at, outcome, error)
        )

    def ended(self, execution: Execution) -> None:
        for name, status in ENDS:
            self._metric(name, float(execution.status is status))
        if execution.error in BROKEN:
            root = execution.root
            assert root is not None and root.node is not None  # noqa: S101, PT018 - it failed in a state
            self._take_down(root.node.name, execution.error, execution.cause or "")
        self._ended(execution)
        execution.subject = execution.data = execution.output = None

    def caught(self, state: str, error: str, cause: str) -> None:
        if error in BROKEN:
            self._take_down(state, error, cause)

    def _take_down(self, state: str, error: str, cause: str) -> None:
        self.broken[state, error] += 1
        self._causes.setdefault((state, error), cause)

    def record_unfinished(self, execution: Execution) -> None:
        """Record the states an execution is in and has not left."""
        for walk in execution.root.under_way() if execution.root is not None else ():
            walk.take_down(None, None)

    def _metric(self, name: str, value: float) -> None:
        self._recorder.metrics.extend((self.clock.now, name, self._labels, value))


def event_of(attempt: TaskAttempt) -> Any:
    """Return what a Lambda function is given: the Task's payload, or its part of the parameters."""
    payload = attempt.payload
    if attempt.node.is_bare or not isinstance(payload, dict):
        return payload
    return payload.get("Payload", {})


def result_of(answer: Any, node: CompiledTask) -> Any:
    """Return what a Lambda's answer is to its Task: wrapped, unless the function is its resource."""
    if node.is_bare:
        return answer
    return {"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200}
