"""The whole service in virtual time, under the service times and faults of a scenario."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from harness.blueprint.template import Template, load_template
from harness.lab.results.metric_names import INFLIGHT_JOBS, labels_text
from harness.lab.sim.model.recording import FolderRecorder
from harness.lab.workload.scenario import Scenario
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.core.ports.clock import Clock
from harness.service.rehearsal.rehearsed_process import Surroundings
from harness.service.rehearsal.rehearsed_service import SECRET, RehearsedService
from harness.stack.modelled.fault_injection import doubling_of, poison_of
from harness.stack.rehearsed.recorded_step_functions import RecordedStepFunctions
from harness.stack.rehearsed.run_recorder import RecordedInstruments, RehearsedRecorder
from harness.stack.rehearsed.scenario_functions import ScenarioFunctions
from harness.states_language.execution import Execution
from harness.states_language.host import NS

SAMPLE_EVERY = 10 * NS
"""Time between two samples of the gauges [ns]."""


@cache
def _template() -> Template:
    return load_template(parameters={"CallbackUrl": ""})


class FaultyQueue(InMemoryJobQueue):
    """The queue; *poison* makes the bodies of some messages unreadable, others are delivered twice."""

    def __init__(
        self,
        clock: Clock,
        poison: Callable[[str], str] | None,
        is_doubled: Callable[[str], bool] | None,
        *,
        visibility: float,
        max_receive_count: int,
    ) -> None:
        super().__init__(clock, visibility=visibility, max_receive_count=max_receive_count)
        self._poison = poison
        self._is_doubled = is_doubled

    def send_raw(self, body: str, attributes: Mapping[str, str] | None = None) -> str:
        sent = self._poison(body) if self._poison else body
        if self._is_doubled is not None and self._is_doubled(body):
            super().send_raw(sent, attributes)
        return super().send_raw(sent, attributes)


@dataclass(slots=True, eq=False)
class ScenarioService(RehearsedService):
    """The service of a rehearsed run, whose rows go to *folder*."""

    scenario: Scenario = field(kw_only=True)
    folder: FolderRecorder = field(kw_only=True)
    recorder: RehearsedRecorder = field(init=False)

    def __post_init__(self) -> None:
        self.recorder = RehearsedRecorder(self.around.time, self.folder)
        self.instruments = RecordedInstruments(self.recorder)
        # Not super(): a dataclass with slots is another class than the one that super() remembers.
        RehearsedService.__post_init__(self)

    def make_queue(self) -> InMemoryJobQueue:
        queue = _template().queue
        return FaultyQueue(
            self.clock,
            poison_of(self.scenario),
            doubling_of(self.scenario),
            visibility=queue.visibility_timeout,
            max_receive_count=queue.max_receive_count or 1,
        )

    def make_workflow(self) -> RecordedStepFunctions:
        return RecordedStepFunctions(self.around.time, self.begin, self.ended, self.recorder)

    def make_functions(self) -> ScenarioFunctions:
        finished_work = self.workflow.finished_work
        functions = ScenarioFunctions(self.around, self.storage, self.receive_callback, finished_work, SECRET)
        functions.follow(self.scenario, self.recorder)
        return functions

    def ended(self, execution: Execution) -> None:
        RehearsedService.ended(self, execution)
        if execution.status == "SUCCEEDED":
            # A day has thousands of executions: only what is audited is kept.
            execution.input, execution.output = {"jobId": execution.input["jobId"]}, None

    def sample(self) -> None:
        """Record the gauges every ten seconds from now on, after everything else of that moment."""
        self.around.time.call_in(1, self._sample_gauges)
        self.around.time.call_in(SAMPLE_EVERY, self.sample)

    def _sample_gauges(self) -> None:
        template = _template()
        depths = {
            template.queue.name: self.queue.depth(),
            template.dead_letter_queue.name: self.queue.dead_depth(),
        }
        now = self.around.time.now
        inflight = float(self.media.count_inflight_jobs())
        self.folder.metric(now, INFLIGHT_JOBS, labels_text({}), inflight)
        for name, depth in depths.items():
            labels = labels_text({"QueueName": name})
            self.folder.metric(now, "AWS/SQS/ApproximateNumberOfMessagesVisible", labels, float(depth))


class QuietSurroundings(Surroundings):
    """What the processes of a long run share, without a story."""

    def tell(self, what: str, who: str | None = None) -> None:
        """Keep nothing."""
