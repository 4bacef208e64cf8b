"""
Recorder of the stack's part of a run: every metric, the sampled spans, and the steps of every execution.

Metrics and spans are fetched every second while the run goes on, so that little is lost if it dies. The
histories of the executions are read at its end. Times in seconds since the run began.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from harness.lab.results.rows import MetricRow, SpanRow
from harness.lab.results.step_rows import batch_job_of, step_rows
from harness.lab.results.writer import OBSERVER, TablePartWriter
from harness.stack.control_client import ControlClient
from harness.stack.processes.state_file import StackState

LOG = logging.getLogger(__name__)

PERIOD_S = 1.0
LOOK_BACK_ROWS = 10_000
TIMEOUT_S = 120.0
PUT_TWICE = frozenset({"media_batches_created_total", "media_processing_duration_seconds"})
"""Metrics that the service puts with a dimension and, for CloudWatch, again without: the first is kept."""


@contextmanager
def sampled(state: StackState, run_folder: Path, began_at: float) -> Iterator[None]:
    """Record metrics while the body runs, and steps at its end; the run began at *began_at* [epoch s]."""
    with (
        TablePartWriter(run_folder, OBSERVER) as part,
        closing(ControlClient(state.aws_url, timeout=TIMEOUT_S)) as control,
    ):
        recorder = _Recorder(control, part, began_at)
        ended = threading.Event()
        thread = threading.Thread(target=recorder.record_until, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            recorder.record()
            for execution in control.histories_since(began_at):
                if job := batch_job_of(execution["name"]):
                    for row in step_rows(job.job_id, execution["events"], began_at):
                        part.add(row)
            part.flush()


class _Recorder:
    """Writes the metrics and spans that are new since the last call."""

    def __init__(self, control: ControlClient, part: TablePartWriter, began_at: float) -> None:
        self._control = control
        self._part = part
        self._began_at = began_at
        self._next_row = max(0, control.next_metric() - LOOK_BACK_ROWS)
        self._next_span = control.next_span()

    def record_until(self, ended: threading.Event) -> None:
        while not ended.wait(PERIOD_S):
            try:
                self.record()
            except httpx.HTTPError as error:  # the last call, which is not guarded, makes up for it
                LOG.warning("The local AWS did not return its metrics and spans (%s); trying again.", error)
            except OSError:  # a full disk: the last call raises it where it is handled
                return

    def record(self) -> None:
        self._next_row, rows = self._control.metrics_since(self._next_row)
        for at, metric, labels, value in rows:
            if at >= self._began_at and not (labels == "{}" and metric in PUT_TWICE):
                self._part.add(MetricRow(at - self._began_at, metric, labels, value))
        self._next_span, spans = self._control.spans_since(self._next_span)
        for span in spans:
            row = SpanRow(*span)
            times = {name: getattr(row, name) - self._began_at for name in ("started_at", "finished_at")}
            self._part.add(row._replace(**times))
        self._part.flush()
