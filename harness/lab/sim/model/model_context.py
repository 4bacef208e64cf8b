"""
What all visits of a simulated run share. Times are nanoseconds.
"""

from collections.abc import Sequence

from harness.lab.results.metric_names import labels_text
from harness.lab.sim.model.admission import UNAVAILABLE, Admission, Store
from harness.lab.sim.model.engine import Engine, nanoseconds
from harness.lab.sim.model.recording import RowRecorder
from harness.lab.sim.model.simulated_service import SimulatedService
from harness.lab.workload import client_flows
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.draws import Stream
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.upload_batch import UploadFile


class ModelContext:
    """
    What all visits of a run share.

    Attributes:
        poll: The first pause between two polls [ns], its factor, its cap [ns], and the patience [ns].
        retry: How often to ask at most if nobody answers, the first pause [s], its factor and its cap [s].
        ready: Batches that are READY, by listing: their id and the sizes of their files; what a viewer sees.
    """

    def __init__(
        self,
        scenario: Scenario,
        mix: Mix,
        engine: Engine,
        service: SimulatedService,
        door: Admission,
        store: Store,
        recorder: RowRecorder,
        *,
        placeholders: bool,
        upload_ttl: float,
    ) -> None:
        self.scenario = scenario
        self.mix = mix
        self.engine = engine
        self.service = service
        self.door = door
        self.store = store
        self.recorder = recorder
        self.placeholders = placeholders
        self.upload_ttl = nanoseconds(upload_ttl)
        self.duration = nanoseconds(scenario.duration_s)
        self.ready: dict[int, tuple[str, list[int]]] = {}
        self.has_viewers = any(isinstance(flow, client_flows.ViewerFlow) for flow in scenario.flows)
        self.thinks = scenario.behaviour.think_time_s != Constant(value=0)
        poll = scenario.behaviour.poll
        self.poll = (
            nanoseconds(poll.first_s),
            poll.factor,
            nanoseconds(poll.cap_s),
            nanoseconds(poll.timeout_s),
        )
        retry = scenario.behaviour.retry
        attempts = retry.max_attempts if UNAVAILABLE in retry.on else 1
        self.retry = (attempts, retry.base_s, retry.factor, retry.cap_s)
        self.viewers = Stream(scenario.seed, mix.replication, "viewer")
        self.resolution_labels = {
            family: labels_text({"Family": family}) for family in ("SHOOT", "PROJECT", "")
        }

    def sizes(self, files: Sequence[UploadFile]) -> list[int]:
        """Return how much of each file is uploaded, and downloaded again."""
        if self.placeholders:
            return [self.scenario.placeholder_bytes] * len(files)
        return [file.bytes for file in files]
