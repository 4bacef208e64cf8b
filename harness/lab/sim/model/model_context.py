"""The context of the clients of a simulated run. Times are nanoseconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.lab.results.metric_names import labels_text
from harness.lab.sim.model.admission import UNAVAILABLE, Admission, Store
from harness.lab.sim.model.ordered_environment import OrderedEnvironment
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.model.simulated_service import SimulatedService
from harness.lab.sim.platform.host_work import HostWork
from harness.lab.workload import client_flows
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.draws import Stream
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadFile
from harness.states_language.host import nanoseconds


@dataclass(eq=False)
class ModelContext:
    """
    The objects and settings that all clients of a run share.

    Attributes:
        placeholders: Whether clients upload small placeholders instead of the planned files.
        poll: First pause between two polls, its growth factor, its cap, and the time-out of polling.
        retry: Most attempts of an unavailable request, the first pause [s], its growth factor, its cap [s].
        ready: READY batches by listing, as viewers see them: id and sizes of the files.
    """

    scenario: Scenario
    mix: Mix
    env: OrderedEnvironment
    service: SimulatedService
    admission: Admission
    store: Store
    recorder: RowRecorder
    placeholders: bool
    upload_ttl: int
    host: HostWork
    ready: dict[int, tuple[str, list[int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        scenario = self.scenario
        self.duration = nanoseconds(scenario.duration_s)
        self.has_viewers = any(isinstance(flow, client_flows.ViewerFlow) for flow in scenario.flows)
        self.thinks = scenario.behaviour.think_time_s != Constant(value=0)
        poll, retry = scenario.behaviour.poll, scenario.behaviour.retry
        first, cap, timeout = map(nanoseconds, (poll.first_s, poll.cap_s, poll.timeout_s))
        self.poll = (first, poll.factor, cap, timeout)
        attempts = retry.max_attempts if UNAVAILABLE in retry.on else 1
        self.retry = (attempts, retry.base_s, retry.factor, retry.cap_s)
        self.viewers = Stream(scenario.seed, self.mix.replication, "viewer")
        families = ("SHOOT", "PROJECT", "")
        self.resolution_labels = {family: labels_text({"Family": family}) for family in families}

    def sizes(self, files: Sequence[UploadFile]) -> list[int]:
        """Return the bytes of each file as it is uploaded."""
        if self.placeholders:
            return [self.scenario.placeholder_bytes] * len(files)
        return [file.bytes for file in files]
