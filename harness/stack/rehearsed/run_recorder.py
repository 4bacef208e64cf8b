"""The metrics of a rehearsed run, of service and AWS, as rows. Times in nanoseconds."""

from collections.abc import Mapping

from harness.lab.results.metric_names import labels_text
from harness.lab.sim.model.recording import FolderRecorder
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.core.ports.instruments import SIGNATURE
from harness.service.rehearsal.virtual_time import VirtualTime


class RehearsedRecorder:
    """
    Records rows at the virtual time.

    Attributes:
        folder: Where the rows go.
    """

    def __init__(self, time: VirtualTime, folder: FolderRecorder) -> None:
        self._time = time
        self.folder = folder

    def metric(self, name: str, labels: Mapping[str, str], value: float) -> None:
        self.folder.metric(self._time.now, name, labels_text(labels), value)


class RecordedInstruments(InMemoryInstruments):
    """The metrics of the service, also as rows."""

    def __init__(self, recorder: RehearsedRecorder) -> None:
        super().__init__()
        self._recorder = recorder

    def count(self, metric: str, **labels: str) -> None:
        super().count(metric, **labels)
        if labels.get("reason") != SIGNATURE:
            self._recorder.metric(metric, labels, 1.0)

    def observe(self, metric: str, value: float, **labels: str) -> None:
        super().observe(metric, value, **labels)
        self._recorder.metric(metric, labels, value)
