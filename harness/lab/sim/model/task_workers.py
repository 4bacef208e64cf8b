"""
The workers of Tasks: the pipeline's functions, MediaConvert, or a behaviour that a scenario describes.

Times are nanoseconds; in service models they are seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from simpy.events import ProcessGenerator
from simpy.resources.resource import PriorityRequest

from harness.lab.sim.event_order import entity_key
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.model.media_functions import MediaFunctions, Work
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.station import Station
from harness.lab.sim.model.step_functions import Worker, event_of, result_of
from harness.lab.sim.platform.function_pool import PREFIX, AdmittedInvocation, FunctionPool, Functions
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.recorded_outputs import RecordedOutputs
from harness.lab.sim.platform.task_behaviour import TaskBehaviour
from harness.lab.sim.platform.transcoder import THROTTLED, Transcoder
from harness.lab.workload.service_times import DEFAULT_MODEL, ServiceModel, ServiceTimes
from harness.lab.workload.work_and_faults import step_of
from harness.states_language.host import NS, TaskAttempt, nanoseconds
from harness.states_language.paths import PathNotFound
from harness.states_language.payload_template import (
    IntrinsicFailure,
    compile_expression,
    compile_template,
)
from harness.states_language.program import CompiledTask, Program

OwnStation = Callable[[OrderedEnvironment], Callable[[TaskAttempt], ProcessGenerator]]
"""Makes a station of yours; it is the process of one attempt. See ``docs/how_to/station.md``."""

PIPELINE_FUNCTIONS = {PREFIX + name for name in ("validate", "thumbnails", "zip", "callback-dispatch")}
NO_LIMITS = "a Lambda function has no such limit; use lambda.reserved_concurrency"


@dataclass(eq=False)
class TaskWorkers:
    """
    Finds the worker of each Task.

    Attributes:
        stations: Stations of your own, by the name of the state.
        unmodelled: Names of states without a service model or behaviour: they take no time.
        described: The station of each state whose behaviour a scenario describes, and its servers.
    """

    env: OrderedEnvironment
    functions: Functions
    transcoder: Transcoder
    media: MediaFunctions
    source: RandomSource
    behaviours: Mapping[str, TaskBehaviour]
    models: Mapping[str, ServiceModel]
    stations: Mapping[str, OwnStation]
    unmodelled: list[str] = field(default_factory=list)
    described: dict[str, tuple[str, int | None]] = field(default_factory=dict)
    _stations: dict[str, Station] = field(default_factory=dict)

    def of(self, program: Program) -> dict[str, Worker]:
        """Return the worker of each Task, by its state; raise ValueError if a setting does not fit them."""
        tasks = program.tasks()
        known = {name for node in tasks for name in _names(node)}
        described = [("platform.behaviours", name) for name in self.behaviours]
        described += [("model", name) for name in self.models if name not in DEFAULT_MODEL]
        described += [("stations", name) for name in self.stations]
        for section, name in described:
            if name not in known:
                raise ValueError(
                    f"{section}.{name} belongs to no Task; the Tasks of the state machine are "
                    f"{', '.join(sorted(node.name for node in tasks)) or 'none'}"
                )
        workers = {node.name: self._worker(node) for node in tasks}
        for setting in self.functions.unknown:
            raise ValueError(
                f"platform.lambda.{setting} is not a function; the functions are "
                f"{', '.join(self.functions.names)}"
            )
        return workers

    def _worker(self, node: CompiledTask) -> Worker:
        if node.name in self.stations:
            return partial(self._visit, self.stations[node.name](self.env))
        function = node.task.function_name
        described = next((name for name in _names(node) if name in self.behaviours), None)
        behaviour = self.behaviours[described] if described else TaskBehaviour()
        if node.task.resource.endswith(".waitForTaskToken"):
            # The function or queue only passes the token on: the work is done elsewhere.
            return self._described(node, described, behaviour, None)
        if not behaviour.outputs and not behaviour.recorded:
            # Without results of its own the behaviour only adds failures to the known work.
            failures = Failures(node.name, behaviour, self.source)
            if function is not None and function in PIPELINE_FUNCTIONS:
                _refuse_limits(described, behaviour, NO_LIMITS)
                name = function.removeprefix(PREFIX)
                self._refuse_models(node, step_of(name))
                return partial(self._invoke, self.functions.pool(function), name, failures)
            if ":mediaconvert:createJob" in node.task.resource:
                _refuse_limits(described, behaviour, "for MediaConvert use mediaconvert.slots")
                self._refuse_models(node, "transcode")
                return partial(self._transcode, failures, waits=".sync" in node.task.resource)
        return self._described(node, described, behaviour, function)

    def _refuse_models(self, node: CompiledTask, step: str) -> None:
        """Refuse service models by other names of a Task than its step, which the live stack would ignore."""
        for name in _names(node):
            if name in self.models and name != step:
                raise ValueError(f"model.{name}: use model.{step} for the service time of {node.name}")

    def _described(
        self, node: CompiledTask, described: str | None, behaviour: TaskBehaviour, function: str | None
    ) -> Worker:
        model = next((name for name in _names(node) if name in self.models), None)
        if model is None and described is None:
            self.unmodelled.append(node.name)
        if function is not None:
            _refuse_limits(described, behaviour, NO_LIMITS)
        name = described or model or node.name
        if name not in self._stations:
            self._stations[name] = Station(self.env, behaviour.servers, behaviour.capacity)
        call = partial(self._call, self.functions.pool(function)) if function else None
        if described is not None and call is None:
            self.described[node.name] = name, behaviour.servers
        times = ServiceTimes({node.name: self.models[model]}, *self.source) if model else None
        failures = Failures(node.name, behaviour, self.source)
        return DescribedWorker(self.env, node.name, behaviour, self._stations[name], call, times, failures)

    def _invoke(self, pool: FunctionPool, function: str, failures: "Failures", attempt: TaskAttempt) -> None:
        work = self.media.plan(function, attempt.execution.subject, event_of(attempt))
        self._call(pool, failures.of(attempt, work), attempt, step_of(function))

    def _call(self, pool: FunctionPool, work: Work, attempt: TaskAttempt, step: str = "") -> None:
        """Invoke a function, unless it is throttled."""
        key = (attempt.execution.entity, attempt.item, attempt.number)
        invocation = self.functions.admit(pool, key, nanoseconds(work.seconds))
        if invocation is None:
            attempt.fail("Lambda.TooManyRequestsException", "Rate Exceeded.")
            return
        attempt.begun()
        # On shared processors it may end later.
        attempt.enforce_deadline(None if self.functions.may_be_delayed else invocation.ends_at)
        self.env.process(self._invocation(pool, key, invocation, work, attempt, step))

    def _invocation(
        self,
        pool: FunctionPool,
        key: tuple[int, int, int],
        invocation: AdmittedInvocation,
        work: Work,
        attempt: TaskAttempt,
        step: str,
    ) -> ProcessGenerator:
        """Process of one invocation of a function."""
        yield from self.functions.run(pool, key, invocation, fails=work.error is not None, step=step)
        if invocation.killed:
            attempt.fail("Sandbox.Timedout", f"Task timed out after {pool.timeout / NS:.2f} seconds")
        elif work.error:
            attempt.fail(work.error, work.cause)
        else:
            # The output has side effects, also if the attempt has timed out in the meantime.
            attempt.succeed(result_of(work.output(), attempt.node))

    def _visit(self, work: Callable[[TaskAttempt], ProcessGenerator], attempt: TaskAttempt) -> None:
        attempt.enforce_deadline()
        self.env.process(work(attempt))

    def _transcode(self, failures: "Failures", attempt: TaskAttempt, *, waits: bool) -> None:
        execution = attempt.execution
        key = (execution.entity, attempt.item, attempt.number)
        work = failures.of(attempt, self.media.transcode(execution.subject, attempt.payload))

        def ended() -> None:
            if waits:
                _finish(attempt, work)

        def wanted() -> bool:
            return attempt.is_open or not waits

        accepted = self.transcoder.create(key, work, attempt.begun, ended, wanted)
        if not accepted:
            attempt.fail(THROTTLED, "Rate exceeded")
        elif waits:
            attempt.enforce_deadline()
            _enforce_heartbeat(attempt, None)
        else:
            attempt.succeed({"Job": {"Status": "SUBMITTED"}})


class Failures:
    """The failures of a Task that a scenario describes; every Task has random numbers of its own."""

    def __init__(self, state: str, behaviour: TaskBehaviour, source: RandomSource) -> None:
        self._state = state
        self._failing = [
            (failing, source.stream(f"behaviour/{state}/{index}"))
            for index, failing in enumerate(behaviour.failures)
        ]

    def of(self, attempt: TaskAttempt, work: Work) -> Work:
        """Return the work of an attempt, changed if the attempt fails."""
        if not self._failing or work.error is not None:
            return work
        return self.at(*numbered(attempt, f"failures/{self._state}"), work)

    def at(self, key: tuple[int, int, int], number: int, work: Work) -> Work:
        """Return the work of the attempt with a number in its execution; *key* is that of its draws."""
        for failing, stream in self._failing:
            if number <= failing.first_attempts or (failing.rate and stream(*key) < failing.rate):
                return work._replace(output=dict, error=failing.error, cause="as the scenario describes it")
        return work


@dataclass(eq=False)
class DescribedWorker:
    """
    The worker of a Task whose resource a scenario describes.

    Attributes:
        state: Name of the Task: two Tasks with the same resource share its servers, but not random numbers.
        invoke: Runs the resource as a Lambda function; None: it is the station.
        times: Service times under the name of the state; None: the Task takes no time.
    """

    env: OrderedEnvironment
    state: str
    behaviour: TaskBehaviour
    station: Station
    invoke: "partial[None] | None"
    times: ServiceTimes | None
    failures: Failures

    def __post_init__(self) -> None:
        where = f"platform.behaviours.{self.state}"
        path = self.behaviour.priority
        self._priority = compile_expression(path, f"{where}.priority", may_draw=False) if path else None
        recorded = self.behaviour.recorded
        self._recorded = RecordedOutputs(self.state, recorded) if recorded else None
        self._outputs = [
            compile_template(output, f"{where}.outputs[{place}]", may_draw=False)
            for place, output in enumerate(self.behaviour.outputs)
        ]

    def __call__(self, attempt: TaskAttempt) -> None:
        work = self._work(attempt)
        if self.invoke is not None:
            self.invoke(work, attempt)
            return
        server = self.station.request(self._priority_of(attempt))
        if server is None:
            attempt.fail("Capacity.Exceeded", "the capacity of the resource is exceeded")
            return
        if server.triggered:
            attempt.begun()
        attempt.enforce_deadline()
        _enforce_heartbeat(attempt, self.behaviour.heartbeat_s)
        self.env.process(self._visit(server, work, attempt))

    def _visit(self, server: PriorityRequest, work: Work, attempt: TaskAttempt) -> ProcessGenerator:
        """Process of one attempt at the station."""
        key = entity_key(attempt.execution.entity, attempt.item, attempt.number)
        service_time = nanoseconds(work.seconds)
        served = yield from self.station.serve(
            server, service_time, key, attempt.begun, lambda: attempt.is_open
        )
        if served:
            _finish(attempt, work)

    def _work(self, attempt: TaskAttempt) -> Work:
        job: MediaJob = attempt.execution.subject
        key, number = numbered(attempt, self.state)
        seconds = 0.0 if self.times is None else self.times.seconds(self.state, job.batch.files, *key)
        return self.failures.at(key, number, self._result(attempt, number, seconds))

    def _result(self, attempt: TaskAttempt, number: int, seconds: float) -> Work:
        """Return the work with the described output, whose paths lead into the Task's payload."""
        if self._recorded is not None:
            recorded = self._recorded
            return Work(seconds, lambda: recorded.following(attempt.execution.subject))
        if not self._outputs:
            return Work(seconds, dict)
        place = min(number, len(self._outputs)) - 1
        payload = attempt.payload if self.invoke is None else event_of(attempt)
        try:
            output = self._outputs[place](payload, dict)
        except (PathNotFound, IntrinsicFailure) as error:
            cause = f"platform.behaviours.{self.state}.outputs[{place}]: {error}"
            return Work(seconds, dict, "States.Runtime", cause)
        return Work(seconds, lambda: output)

    def _priority_of(self, attempt: TaskAttempt) -> float:
        if self._priority is None:
            return 0
        try:
            return float(self._priority(attempt.payload, dict))
        except (PathNotFound, TypeError, ValueError, OverflowError):
            # Attempts without a number are served last.
            return float("inf")


def numbered(attempt: TaskAttempt, purpose: str) -> tuple[tuple[int, int, int], int]:
    """
    Count an attempt; return the key of its random numbers and its number in the execution.

    Random numbers depend on the attempts at the batch, results on the attempts in this execution.
    """
    job: MediaJob = attempt.execution.subject
    key = (attempt.execution.entity, attempt.thread, job.batch.count(purpose, attempt.thread))
    return key, job.count(purpose, attempt.thread)


def _finish(attempt: TaskAttempt, work: Work) -> None:
    if work.error:
        attempt.fail(work.error, work.cause)
    else:
        attempt.succeed(work.output())


def _enforce_heartbeat(attempt: TaskAttempt, beats: float | None) -> None:
    """Let an attempt fail whose resource sends no heartbeats, or sends them too seldom."""
    limit = attempt.heartbeat
    if limit is not None and (beats is None or nanoseconds(beats) > limit):
        attempt.fail_in(limit, "States.HeartbeatTimeout", "no heartbeat was received in time")


def _refuse_limits(described: str | None, behaviour: TaskBehaviour, reason: str) -> None:
    """Refuse what Lambda functions and transcoding jobs do not have; *reason* says what limits them."""
    if behaviour.heartbeat_s is not None:
        raise ValueError(
            f"platform.behaviours.{described}.heartbeat_s: Lambda and MediaConvert send no heartbeats; "
            "activities and Tasks with .waitForTaskToken do"
        )
    for limit in ("servers", "capacity", "priority"):
        if getattr(behaviour, limit) is not None:
            raise ValueError(f"platform.behaviours.{described}.{limit}: {reason}")


def _names(node: CompiledTask) -> tuple[str, ...]:
    """Return the names by which a scenario may describe a Task: its state, its function, its resource."""
    function = node.task.function_name
    return (node.name, *((function, function.removeprefix(PREFIX)) if function else ()), node.task.resource)
