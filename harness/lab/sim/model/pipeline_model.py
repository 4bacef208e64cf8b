"""The model of one replication. Times are seconds, except those of the environment."""

import gc
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from simpy.events import ProcessGenerator

from harness.blueprint.template import Template, load_template
from harness.lab.results.metric_names import labels_text
from harness.lab.sim.event_order import Kind, order
from harness.lab.sim.model.admission import Admission, Store
from harness.lab.sim.model.client_population import ClientPopulation
from harness.lab.sim.model.execution_inputs import ExecutionInputs
from harness.lab.sim.model.jobs import MediaJob
from harness.lab.sim.model.media_functions import MediaFunctions
from harness.lab.sim.model.model_context import ModelContext
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.model.simulated_service import NO_LABELS, SimulatedService
from harness.lab.sim.model.step_functions import SimulatedStepFunctions
from harness.lab.sim.model.task_workers import OwnStation, TaskWorkers
from harness.lab.sim.platform.function_pool import PREFIX, Functions
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.sim.platform.latency_draws import RandomSource
from harness.lab.sim.platform.platform_settings import Platform
from harness.lab.sim.platform.transcoder import Transcoder
from harness.lab.workload.faults.struck_requests import StruckRequests
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.work_and_faults import TaskWorkModel
from harness.states_language.execution import Execution
from harness.states_language.host import NS, nanoseconds
from harness.states_language.machine import StateMachine
from harness.states_language.parser import parsed_state_machine
from harness.states_language.program import Program, compile_machine

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
"""The default time of second 0, a Monday: a fixed time, so that runs of one seed are equal."""

SAMPLE_EVERY = 10
"""Time between two samples of the gauges [s]."""

OnProgress = Callable[[float], None]
"""Called with the model time that has passed [s]."""


class PipelineModel:
    """The model of one replication; by default of the blueprint's state machine."""

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
        stations: Mapping[str, OwnStation] | None = None,
    ) -> None:
        self.scenario = scenario
        self.platform = platform
        self.recorder = recorder
        self.template = template or load_template(parameters={"CallbackUrl": ""})
        self.env = OrderedEnvironment()
        self._source = RandomSource(scenario.seed, replication)
        machine = machine or parsed_state_machine(self.template.state_machine.definition)
        self.program = program = compile_machine(machine)
        # Without a callback from the state machine, the end of its execution decides; so it does, by way of
        # EventBridge, when an execution fails.
        self._calls_back = PREFIX + "callback-dispatch" in {
            node.task.function_name for node in program.tasks()
        }
        self.host = host = HostWork(self.env, platform.host)
        deployed = self.template.functions
        self.functions = Functions(self.env, platform.functions, deployed, recorder, self._source, host)
        slots = self.template.media_convert_queue.concurrent_jobs
        self.transcoder = Transcoder(self.env, platform.mediaconvert, slots, self._source, host)
        self.workers = self._task_workers(stations or {})
        self.workflow = self._step_functions(program, machine.timeout_seconds, epoch)
        self.service = self._simulated_service()
        self._admission = Admission(self.env, platform.api, self._source)
        self.clients = self._client_population()

    def _task_workers(self, stations: Mapping[str, OwnStation]) -> TaskWorkers:
        scenario, platform, source = self.scenario, self.platform, self._source
        latencies = source.latencies(platform.callback_s, "callback", 2)
        media = MediaFunctions(
            TaskWorkModel(scenario, lambda: self.env.seconds, source.replication),
            lambda *report: self.service.callback(*report),  # noqa: PLW0108 - the service is created later
            lambda arrival, attempt: latencies(arrival, attempt) / NS,
            StruckRequests(scenario, lambda: self.env.seconds, source.replication),
        )
        behaviours, models = platform.behaviours, scenario.model
        return TaskWorkers(
            self.env, self.functions, self.transcoder, media, source, behaviours, models, stations
        )

    def _step_functions(
        self, program: Program, time_limit: float | None, epoch: datetime
    ) -> SimulatedStepFunctions:
        return SimulatedStepFunctions(
            self.env,
            self.platform.stepfunctions,
            program,
            self.workers.of(program),
            self.recorder,
            self._source,
            input_of=ExecutionInputs(self.scenario.flows).of,
            arn=self.template.state_machine.arn,
            time_limit=time_limit,
            epoch=epoch,
            ended=self._execution_ended,
            host=self.host,
        )

    def _simulated_service(self) -> SimulatedService:
        queue, sqs = self.template.queue, self.platform.sqs
        return SimulatedService(
            self.env,
            self.platform,
            self.recorder,
            self._source,
            visibility_timeout=sqs.visibility_timeout_s or queue.visibility_timeout,
            max_receive_count=sqs.max_receive_count or queue.max_receive_count or 1,
            start=self.workflow.start,
            host=self.host,
        )

    def _client_population(self) -> ClientPopulation:
        scenario, platform, replication = self.scenario, self.platform, self._source.replication
        context = ModelContext(
            scenario,
            Mix(scenario, replication),
            self.env,
            self.service,
            self._admission,
            Store(platform.s3, self._source),
            self.recorder,
            placeholders=platform.preset == "local" and scenario.media == "placeholder",
            upload_ttl=nanoseconds(platform.api.upload_ttl_s),
            host=self.host,
        )
        return ClientPopulation(context, self.recorder.settle)

    def run(self, progress: OnProgress | None = None) -> float:
        """Run until the last client or the drain has ended; return the time of the end [s]."""
        horizon = nanoseconds(self.scenario.duration_s + self.scenario.drain_s)
        self.recorder.horizon = horizon
        self.env.process(self._sampling())
        self.clients.start()
        # The model makes no garbage in cycles, and searching for it takes a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            end = self._run_in_slices(horizon, progress)
        finally:
            if collecting:
                gc.enable()
        self._sample()
        self.clients.censor(end)
        for job in self.service.unfinished():
            self.workflow.record_unfinished(job)
        return end / NS

    def counts(self) -> dict[str, float]:
        """Return the numbers of events so far, for costs and checks."""
        queue, waits = self.service.queue, self.platform.dispatcher.wait_s
        return {
            "events": self.env.events,
            "arrivals": self.clients.started,
            "transitions": self.workflow.transitions,
            "messages": queue.sent,
            "receives": queue.receives,
            # Long polls without a message.
            "empty_receives": int(queue.idle_time / NS / waits) if waits else 0,
            "api_requests": self._admission.requests,
            "transcoder_busy_s": self.transcoder.station.busy_time / NS,
            "transcodings": self.transcoder.completed,
            "video_s": self.transcoder.video_seconds,
        }

    def _run_in_slices(self, horizon: int, progress: OnProgress | None) -> int:
        """Run in slices of time, to notice the end of the last client; return the time of the end [ns]."""
        env, duration = self.env, nanoseconds(self.scenario.duration_s)
        while env.now < horizon:
            until = min(env.now + SAMPLE_EVERY * NS, horizon)
            env.run(until)
            if progress is not None:
                progress(env.seconds)
            if until >= duration and self.clients.is_over and not self.service.inflight.value:
                break
        return env.now

    def _execution_ended(self, execution: Execution) -> None:
        job: MediaJob = execution.subject
        if not self._calls_back or execution.status != "SUCCEEDED":
            self.service.execution_ended(job, str(execution.status), execution.cause or "")

    def _sampling(self) -> ProcessGenerator:
        """Process that samples the gauges."""
        while True:
            self._sample()
            yield self.env.after(SAMPLE_EVERY * NS, order(Kind.SAMPLE))

    def _sample(self) -> None:
        """Record the gauges: the peak number of jobs since the last sample, and the depth of the queues."""
        template, service = self.template, self.service
        depths = {
            template.queue.name: service.queue.depth,
            template.dead_letter_queue.name: service.dead_letters,
        }
        now, metric = self.env.now, self.recorder.metric
        metric(now, "media_processing_inflight_jobs", NO_LABELS, service.inflight.sample())
        for name, depth in depths.items():
            labels = labels_text({"QueueName": name})
            metric(now, "AWS/SQS/ApproximateNumberOfMessagesVisible", labels, float(depth))
