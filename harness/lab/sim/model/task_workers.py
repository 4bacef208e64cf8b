"""
Who does the work of each Task: the pipeline's own functions, MediaConvert, or what a scenario describes.

Times are nanoseconds, except in models.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.lab.sim.model.engine import Engine, about, nanoseconds
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.model.media_functions import MediaFunctions, Work
from harness.lab.sim.model.station import Station, StationJob
from harness.lab.sim.model.step_functions import Worker, event_of, result_of
from harness.lab.sim.model.task_behaviour import TaskBehaviour
from harness.lab.sim.platform.function_pool import PREFIX, FunctionPool, Functions
from harness.lab.sim.platform.transcoder import THROTTLED, Transcoder
from harness.lab.workload.draws import Stream
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceModel, ServiceTimes
from harness.lab.workload.task_work import step_of
from harness.states_language.paths import PathNotFound
from harness.states_language.payload_template import compile_expression
from harness.states_language.program import CompiledTask, Program
from harness.states_language.state_entry import TaskAttempt

OURS = frozenset(PREFIX + name for name in ("validate", "thumbnails", "zip", "callback-dispatch"))
TOO_MANY = "Lambda.TooManyRequestsException"
NO_ROOM = "Capacity.Exceeded"
TIMED_OUT = "Sandbox.Timedout"
NO_HEARTBEAT = "States.HeartbeatTimeout"

RESERVED = "which has none; lambda.reserved_concurrency limits it"


class TaskWorkers:
    """
    Finds out who works on a Task.

    Attributes:
        unmodelled: Names of states and functions nobody said anything about: they take no time.
        stations: Stations of the described resources, by name.
    """

    def __init__(
        self,
        engine: Engine,
        functions: Functions,
        transcoder: Transcoder,
        media: MediaFunctions,
        *,
        behaviours: Mapping[str, TaskBehaviour],
        models: Mapping[str, ServiceModel],
        seed: int,
        replication: int,
    ) -> None:
        self._engine = engine
        self._functions = functions
        self._transcoder = transcoder
        self._media = media
        self._behaviours = behaviours
        self._models = models
        self._seed, self._replication = seed, replication
        self.unmodelled: list[str] = []
        self.stations: dict[str, Station] = {}

    def of(self, program: Program) -> dict[str, Worker]:
        """
        Return who does the work of each Task of a state machine, by the name of the state.

        Raises:
            ValueError: A behaviour, model or reservation belongs to nobody, or a behaviour makes no sense.
        """
        tasks = program.tasks()
        known = {name for node in tasks for name in _names(node)}
        described = [("platform.behaviours", name) for name in self._behaviours]
        described += [("model", name) for name in self._models if name not in DEFAULT_MODEL]
        for section, name in described:
            if name not in known:
                raise ValueError(
                    f"{section}.{name} belongs to no Task; the state machine has "
                    f"{', '.join(sorted(node.name for node in tasks)) or 'none'}"
                )
        workers = {node.name: self._worker(node) for node in tasks}
        for name in self._functions.reserved_for_nobody:
            raise ValueError(
                f"platform.lambda.reserved_concurrency.{name} is no function; there are "
                f"{', '.join(self._functions.names)}"
            )
        return workers

    def _worker(self, node: CompiledTask) -> Worker:
        function = node.task.function_name
        described = next((name for name in _names(node) if name in self._behaviours), None)
        if _waits_for_token(node):
            # Its function or queue only passes the token on: what takes time is somebody else's.
            return self._described(node, described, None)
        behaviour = self._behaviours[described] if described else TaskBehaviour()
        if not behaviour.outputs:
            # Who says what comes of it takes its place; otherwise it does what it does, and fails as told.
            failures = Failures(node.name, behaviour, (self._seed, self._replication))
            if function is not None and function in OURS:
                _refuse_limits(described, behaviour, f"{function} is a Lambda function, {RESERVED}")
                name = function.removeprefix(PREFIX)
                self._refuse_models(node, step_of(name))
                return partial(self._invoke_ours, self._functions.pool(function), name, failures)
            if ":mediaconvert:createJob" in node.task.resource:
                _refuse_limits(described, behaviour, "a queue of MediaConvert has mediaconvert.slots")
                self._refuse_models(node, "transcode")
                return partial(self._transcode, failures, waits=".sync" in node.task.resource)
        return self._described(node, described, function)

    def _refuse_models(self, node: CompiledTask, step: str) -> None:
        """Refuse models by other names of a Task than that of the step, by which the live stack goes too."""
        for name in _names(node):
            if name in self._models and name != step:
                raise ValueError(f"model.{name}: how long {node.name} takes is said by model.{step}")

    def _described(self, node: CompiledTask, described: str | None, function: str | None) -> Worker:
        model = next((name for name in _names(node) if name in self._models), None)
        if model is None and described is None:
            self.unmodelled.append(node.name)
        behaviour = self._behaviours[described] if described else TaskBehaviour()
        if function is not None:
            _refuse_limits(described, behaviour, f"{function} is a Lambda function, {RESERVED}")
        name = described or model or node.name
        if name not in self.stations:
            self.stations[name] = Station(self._engine, behaviour.servers, behaviour.capacity)
        key = (self._seed, self._replication)
        return Described(
            node.name,
            behaviour,
            self.stations[name],
            self._functions.pool(function) if function else None,
            self._functions,
            ServiceTimes({node.name: self._models[model]}, *key) if model else None,
            key,
        )

    def _invoke_ours(
        self, pool: FunctionPool, function: str, failures: "Failures", attempt: TaskAttempt
    ) -> None:
        work = self._media.plan(function, attempt.execution.subject, event_of(attempt))
        invoke(self._functions, pool, failures.of(attempt, work), attempt)

    def _transcode(self, failures: "Failures", attempt: TaskAttempt, *, waits: bool) -> None:
        job = attempt.execution.subject
        work = failures.of(attempt, self._media.transcode(job, attempt.payload))

        def ended() -> None:
            if waits:
                _finish(attempt, work, work.output())

        let_in = self._transcoder.create(
            (attempt.execution.entity, attempt.item, attempt.number),
            work,
            attempt.begun,
            ended,
            lambda: attempt.is_open or not waits,
        )
        if not let_in:
            attempt.fail(THROTTLED, "Rate exceeded")
        elif waits:
            attempt.guard()
        else:
            attempt.succeed({"Job": {"Status": "SUBMITTED"}})


def invoke(functions: Functions, pool: FunctionPool, work: Work, attempt: TaskAttempt) -> None:
    """Run a Lambda function for an attempt."""
    attempt.begun()

    def ended(killed: bool) -> None:
        if killed:
            attempt.fail(TIMED_OUT, f"Task timed out after {pool.timeout / 1e9:.2f} seconds")
        elif work.error:
            attempt.fail(work.error, work.cause)
        else:
            # The function has done its work even if nobody waits for it any more.
            answer = work.output()
            attempt.succeed(result_of(answer, attempt.node))

    key = (attempt.execution.entity, attempt.item, attempt.number)
    until = functions.invoke(pool, key, nanoseconds(work.seconds), work.error is not None, ended)
    if until is None:
        attempt.visit.started_at = None
        attempt.fail(TOO_MANY, "Rate Exceeded.")
    else:
        attempt.guard(until)


class Failures:
    """
    How a scenario describes that a Task's attempts fail.

    Args:
        state: Name of the Task: two that share a behaviour draw their own.
    """

    def __init__(self, state: str, behaviour: TaskBehaviour, key: tuple[int, int]) -> None:
        self._state = state
        self._failing = [
            (failing, Stream(*key, f"behaviour/{state}/{index}"))
            for index, failing in enumerate(behaviour.failures)
        ]

    def of(self, attempt: TaskAttempt, work: Work) -> Work:
        """Return what an attempt comes to that would come to *work*, unless it fails."""
        if not self._failing or work.error is not None:
            return work
        job: MediaJob = attempt.execution.subject
        purpose = f"failures/{self._state}"
        key = (attempt.execution.entity, attempt.thread, job.batch.count(purpose, attempt.thread))
        return self.at(key, job.count(purpose, attempt.thread), work)

    def at(self, key: tuple[int, int, int], number: int, work: Work) -> Work:
        """Return what the given attempt of an execution comes to; *key* is that of its draws."""
        for failing, stream in self._failing:
            if number <= failing.first_attempts or (failing.rate and stream(*key) < failing.rate):
                return work._replace(output=dict, error=failing.error, cause="as the scenario describes it")
        return work


class Described:
    """
    A Task's resource as the scenario describes it: a station, failures, outputs.

    Args:
        state: Name of the Task: two that share a resource queue for the same servers, but draw their own.
        pool: Where its Lambda function runs, if it is one.
        times: Draws service times under the name of the state; None: it takes no time.
    """

    def __init__(
        self,
        state: str,
        behaviour: TaskBehaviour,
        station: Station,
        pool: FunctionPool | None,
        functions: Functions,
        times: ServiceTimes | None,
        key: tuple[int, int],
    ) -> None:
        self._state = state
        self._behaviour = behaviour
        self._station = station
        self._pool = pool
        self._functions = functions
        self._times = times
        self._failures = Failures(state, behaviour, key)
        path = behaviour.priority
        self._priority = compile_expression(path, f"platform.behaviours.{state}.priority") if path else None

    def __call__(self, attempt: TaskAttempt) -> None:
        execution = attempt.execution
        work = self._work(attempt)
        if self._pool is not None:
            invoke(self._functions, self._pool, work, attempt)
            return
        key = about(execution.entity, attempt.item, attempt.number)
        job = StationJob(
            key,
            nanoseconds(work.seconds),
            attempt.begun,
            lambda: _finish(attempt, work, work.output()),
            lambda: attempt.is_open,
        )
        if not self._station.offer(job, self._priority_of(attempt)):
            attempt.fail(NO_ROOM, "nobody could take it in")
            return
        attempt.guard()
        self._guard_heartbeat(attempt)

    def _work(self, attempt: TaskAttempt) -> Work:
        job: MediaJob = attempt.execution.subject
        # Draws go by how often the state worked on the batch, what it does by how often in this execution.
        key = (attempt.execution.entity, attempt.thread, job.batch.count(self._state, attempt.thread))
        number = job.count(self._state, attempt.thread)
        seconds = 0.0 if self._times is None else self._times.seconds(self._state, job.batch.files, *key)
        outputs = self._behaviour.outputs
        output = outputs[min(number, len(outputs)) - 1] if outputs else {}
        return self._failures.at(key, number, Work(seconds, lambda: output))

    def _priority_of(self, attempt: TaskAttempt) -> float | None:
        if self._priority is None:
            return None
        try:
            return float(self._priority(attempt.payload, dict))
        except (PathNotFound, TypeError, ValueError):
            # Without a number it comes after all who have one.
            return float("inf")

    def _guard_heartbeat(self, attempt: TaskAttempt) -> None:
        beats = self._behaviour.heartbeat_s
        limit = attempt.heartbeat
        if limit is None or (beats is not None and nanoseconds(beats) <= limit):
            return
        attempt.fail_in(limit, NO_HEARTBEAT, "no sign of life")


def _finish(attempt: TaskAttempt, work: Work, result: Any) -> None:
    if work.error:
        attempt.fail(work.error, work.cause)
    else:
        attempt.succeed(result)


def _waits_for_token(node: CompiledTask) -> bool:
    return node.task.resource.endswith(".waitForTaskToken")


def _refuse_limits(described: str | None, behaviour: TaskBehaviour, why: str) -> None:
    for limit in ("servers", "capacity", "priority"):
        if getattr(behaviour, limit) is not None:
            raise ValueError(f"platform.behaviours.{described}.{limit}: {why}")


def _names(node: CompiledTask) -> tuple[str, ...]:
    """Return the names a Task's work goes by: its state, its function, its resource."""
    function = node.task.function_name
    return (node.name, *((function, function.removeprefix(PREFIX)) if function else ()), node.task.resource)
