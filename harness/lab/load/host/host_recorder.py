"""
The recorder of the host during a live run: processors, pressure, processes and the probe, once a second.

It writes rows of the ``metrics`` table; `host_metrics` names them. It runs in a thread of the process that
watches the run, which is idle otherwise. Times in seconds since the run began.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.lab.load.host.host_reading import HostReading, instant_metrics
from harness.lab.load.host.process_times import processor_times
from harness.lab.load.host.processor_probe import stretch
from harness.lab.results.host.host_metrics import CHILDREN, PROCESS_CPU, STRETCH, process_label
from harness.lab.results.metric_names import labels_text
from harness.lab.results.rows import MetricRow
from harness.lab.results.writer import HOST, TablePartWriter

BURSTS = 4
"""Bursts of the probe in a second: 2 % of one processor [count]."""

PERIOD_S = 1.0
NO_LABELS = labels_text({})
OWN = "harness"
"""Name of the process that watches the run."""

Processes = Callable[[], Mapping[str, int]]
"""Returns the ids of the processes to watch, by name; called at the beginning and when one has ended."""


def no_processes() -> Mapping[str, int]:
    """Return no process: those of the service are not on this machine, or not known."""
    return {}


@contextmanager
def recorded_host(folder: Path, began_at: float, processes: Processes = no_processes) -> Iterator[None]:
    """
    Record the host while the body runs; the run began at *began_at* [epoch s].

    Raises:
        OSError: At the end: the folder could not be written to.
    """
    with TablePartWriter(folder, HOST) as part:
        recorder, over = HostRecorder(part, began_at, processes), threading.Event()
        thread = threading.Thread(target=recorder.record_until, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            if recorder.failure is not None:
                raise recorder.failure


class HostRecorder:
    """
    Records what the host did since its last reading.

    Attributes:
        failure: Why `record_until` ended early, e.g. a full disk.
    """

    failure: OSError | None = None

    def __init__(self, part: TablePartWriter, began_at: float, processes: Processes = no_processes) -> None:
        self._part = part
        self._began_at = began_at
        self._processes = processes
        self._reading = HostReading.now()
        self._named: dict[str, int] = {OWN: os.getpid()}
        self._look_up()
        self._used = processor_times(self._named)

    def record_until(self, over: threading.Event) -> None:
        """Record once a second until *over* is set."""
        while not over.is_set():
            stretches = []
            for _ in range(BURSTS):
                over.wait(PERIOD_S / BURSTS)
                stretches.append(stretch())
            try:
                self.record(sum(stretches) / len(stretches))
            except OSError as error:
                self.failure = error
                return

    def record(self, stretched: float) -> None:
        """Write the rows of the time since the last call; *stretched* is the result of the probe."""
        now, before = HostReading.now(), self._reading
        self._reading = now
        values = [*now.metrics_since(before), *instant_metrics(), (STRETCH, stretched)]
        at = max(0.0, time.time() - self._began_at)
        for metric, value in values:
            self._part.add(MetricRow(at, metric, NO_LABELS, value))
        if now.at > before.at:
            self._record_processes(at, now.at - before.at)
        self._part.flush()

    def _record_processes(self, at: float, seconds: float) -> None:
        used, before = processor_times(self._named), self._used
        if not set(self._named) <= set(used):
            self._look_up()
            used = processor_times(self._named)
        self._used = used
        # Locust and a stack of this run are its children: their time would count again when they end.
        used.pop(OWN + CHILDREN, None)
        for name, now in used.items():
            # A process that was restarted begins at zero again.
            cpu = max(0.0, now - before.get(name, 0.0)) / seconds
            self._part.add(MetricRow(at, PROCESS_CPU, process_label(name), cpu))

    def _look_up(self) -> None:
        self._named |= self._processes()
