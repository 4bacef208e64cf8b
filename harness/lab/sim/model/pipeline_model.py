"""
The stage of one replication: blueprint, platform, service and people, put together and played.

Times in seconds, unless they are the engine's.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.blueprint.template import Template, load_template
from harness.lab.results.metric_names import labels_text
from harness.lab.sim.model.admission import Admission, Store
from harness.lab.sim.model.client_population import ClientPopulation
from harness.lab.sim.model.engine import Engine, nanoseconds
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.model.media_functions import MediaFunctions
from harness.lab.sim.model.model_context import ModelContext
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.model.simulated_service import NO_LABELS, SimulatedService
from harness.lab.sim.model.step_functions import SimulatedStepFunctions
from harness.lab.sim.model.task_workers import TaskWorkers
from harness.lab.sim.platform.function_pool import PREFIX, Functions
from harness.lab.sim.platform.latency_draws import Draws
from harness.lab.sim.platform.platform import Platform
from harness.lab.sim.platform.transcoder import Transcoder
from harness.lab.workload.arrivals.schedule import schedule
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.states_language.execution import Execution, Status
from harness.states_language.host_clock import NS, Kind, order
from harness.states_language.machine import StateMachine
from harness.states_language.program import compile_machine

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
"""What second 0 of a simulated run is, a Monday: only then are two runs of one seed the same."""

SAMPLE_EVERY = 10
"""Between two samples of the gauges [s]."""

CALLBACK = PREFIX + "callback-dispatch"

OnProgress = Callable[[float], None]
"""Told how far the run is [model s]."""


@dataclass(frozen=True, slots=True)
class Counts:
    """
    What happened in a replication, for costs and checks.

    Attributes:
        empty_receives: Long polls that found nothing.
        transcoder_busy_s: Slot-seconds of the transcoding queue.
        transcodings: Transcoding jobs that ended well.
        video_s: Seconds of video in those.
    """

    events: int
    arrivals: int
    transitions: int
    messages: int
    receives: int
    empty_receives: int
    api_requests: int
    transcoder_busy_s: float
    transcodings: int
    video_s: float


class PipelineModel:
    """
    One replication.

    Args:
        machine: The state machine to play; the blueprint's if None.
    """

    def __init__(
        self,
        scenario: Scenario,
        platform: Platform,
        recorder: RowRecorder,
        *,
        machine: StateMachine | None = None,
        replication: int = 0,
        epoch: datetime = EPOCH,
        template: Template | None = None,
    ) -> None:
        self.scenario = scenario
        self.platform = platform
        self.recorder = recorder
        self.template = template or load_template(parameters={"CallbackUrl": ""})
        self.engine = Engine()
        self._machine = machine or parse(self.template)
        key = (scenario.seed, replication)
        program = compile_machine(self._machine)
        functions = Functions(self.engine, platform.functions, self.template.functions, recorder, *key)
        self.functions = functions
        self.transcoder = Transcoder(
            self.engine, platform.mediaconvert, self.template.media_convert_queue.concurrent_jobs, *key
        )
        way = Draws(platform.callback_s, *key, "callback", 4)
        media = MediaFunctions(
            scenario,
            replication,
            lambda: self.engine.seconds,
            self._called_back,
            lambda entity, attempt: way(entity, attempt) / NS,
        )
        self.workers = TaskWorkers(
            self.engine,
            functions,
            self.transcoder,
            media,
            behaviours=platform.behaviours,
            models=scenario.model,
            seed=key[0],
            replication=key[1],
        )
        self.workflow = SimulatedStepFunctions(
            self.engine,
            platform.stepfunctions,
            program,
            self.workers.of(program),
            recorder,
            arn=self.template.state_machine.arn,
            time_limit=self._machine.timeout_seconds,
            epoch=epoch,
            seed=key[0],
            replication=key[1],
            ended=self._execution_ended,
        )
        # A state machine that never calls back is taken at its word when it ends.
        self._calls_back = any(node.task.function_name == CALLBACK for node in program.tasks())
        self.service = self._service(key)
        self.door = Admission(self.engine, platform.api, *key)
        self.crowd = self._crowd(replication)

    def _service(self, key: tuple[int, int]) -> SimulatedService:
        queue, sqs = self.template.queue, self.platform.sqs
        return SimulatedService(
            self.engine,
            self.platform,
            self.recorder,
            visibility_timeout=sqs.visibility_timeout_s or queue.visibility_timeout,
            most_receives=sqs.max_receive_count or queue.max_receive_count or 1,
            seed=key[0],
            replication=key[1],
            start=self.workflow.start,
        )

    def _crowd(self, replication: int) -> ClientPopulation:
        scenario, platform = self.scenario, self.platform
        plan = None if scenario.users else schedule(scenario, replication)
        placeholders = platform.preset == "local" and scenario.media == "placeholder"
        world = ModelContext(
            scenario,
            Mix(scenario, replication),
            self.engine,
            self.service,
            self.door,
            Store(platform.s3, scenario.seed, replication),
            self.recorder,
            placeholders=placeholders,
            upload_ttl=platform.api.upload_ttl_s,
        )
        return ClientPopulation(world, plan, self.recorder.settle)

    @property
    def unmodelled(self) -> list[str]:
        """States that take no time because nothing says how long they do."""
        return self.workers.unmodelled

    @property
    def horizon(self) -> float:
        """The latest end: the drain's."""
        return self.scenario.duration_s + self.scenario.drain_s

    def play(self, progress: OnProgress | None = None) -> float:
        """Play to the end of the last visit or of the drain; return when that was [s]."""
        self.recorder.horizon = nanoseconds(self.horizon)
        self._sample_and_again(None)
        self.crowd.start()
        # Nothing here is circular garbage worth looking for, and looking costs a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            end = self._run(progress)
        finally:
            if collecting:
                gc.enable()
        self._sample()
        self.crowd.give_up(end)
        for job in self.service.unfinished():
            if job.execution is not None and job.execution.status is None:
                self.workflow.record_unfinished(job.execution)
        return end / NS

    def counts(self) -> Counts:
        """Return what happened so far."""
        queue, waits = self.service.queue, self.platform.dispatcher.wait_s
        return Counts(
            events=self.engine.events,
            arrivals=self.crowd.started,
            transitions=self.workflow.transitions,
            messages=queue.sent,
            receives=queue.receives,
            empty_receives=int(queue.idle_time / NS / waits) if waits else 0,
            api_requests=self.door.requests,
            transcoder_busy_s=self.transcoder.station.busy_time / NS,
            transcodings=self.transcoder.completed,
            video_s=self.transcoder.video_seconds,
        )

    def _run(self, progress: OnProgress | None) -> int:
        """Step on in slices, so that the end of the last visit is noticed; return the end [ns]."""
        engine, horizon = self.engine, nanoseconds(self.horizon)
        duration = nanoseconds(self.scenario.duration_s)
        slice_length = SAMPLE_EVERY * NS
        while engine.now < horizon:
            until = min(engine.now + slice_length, horizon)
            engine.run_until(until)
            if progress is not None:
                progress(engine.seconds)
            if until >= duration and self.crowd.is_over and not self.service.inflight.value:
                break
        return engine.now

    def _called_back(self, job: MediaJob, status: str, cause: str) -> None:
        self.service.callback(job, status, cause)

    def _execution_ended(self, execution: Execution) -> None:
        job: MediaJob = execution.subject
        if not self._calls_back:
            status = "SUCCEEDED" if execution.status is Status.SUCCEEDED else str(execution.status)
            self.service.callback(job, status, execution.cause or "")

    def _sample_and_again(self, _: object) -> None:
        self._sample()
        self.engine.call_in(SAMPLE_EVERY * NS, order(Kind.SAMPLE), self._sample_and_again)

    def _sample(self) -> None:
        """Record the gauges: of jobs the most since the last time, of queues how deep they are."""
        template, service = self.template, self.service
        depths = (
            (template.queue.name, service.queue.depth),
            (template.dead_letter_queue.name, service.dead_letters),
        )
        now, cells = self.engine.now, self.recorder.metrics
        cells.extend((now, "media_processing_inflight_jobs", NO_LABELS, service.inflight.sample()))
        for name, depth in depths:
            metric = "AWS/SQS/ApproximateNumberOfMessagesVisible"
            cells.extend((now, metric, labels_text({"QueueName": name}), float(depth)))


def parse(template: Template) -> StateMachine:
    """Return the blueprint's own state machine."""
    from harness.states_language.parser import parse_state_machine

    return parse_state_machine(template.state_machine.definition)
