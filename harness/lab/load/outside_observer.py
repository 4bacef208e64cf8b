"""
The observation of a service from outside, without access to its AWS account.

Processing times come from the timestamps in the service's own status responses. The other metrics come from
its Prometheus pages, if their URLs are given: counters as increments between two readings, gauges as read.
The histogram of processing times is not used: its buckets are coarser than the timestamps. Times are float
seconds.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from harness.lab.alarms.alarm import Alarm
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.results.metric_names import (
    DEAD_LETTERS,
    PROCESSING_DURATION,
    SERVICE_NAMESPACE,
    is_counter,
    labels_text,
)
from harness.lab.results.rows import BatchRow, MetricRow
from harness.lab.results.tail import Tail
from harness.lab.results.writer import OBSERVER, TablePartWriter

READ_EVERY_S = 1.0
PREFIX = "media_"
WORKER_PREFIX = "worker_"
"""A page with a metric whose name begins so is that of a worker."""

WORKER_COUNTERS = frozenset({DEAD_LETTERS})
"""Counters of the worker. The API's page has them too, always at zero: that is no observation."""

METRICS = {
    PROCESSING_DURATION,
    "media_batches_created_total",
    "media_batches_failed_total",
    "media_processing_dlq_messages_total",
    "media_processing_inflight_jobs",
}
"""The metrics of a service that implements the contract."""

LOG = logging.getLogger(__name__)

RunObserver = Callable[[Path, float], AbstractContextManager[Collection[str] | None]]
"""Records metrics during a run. It is called with the run folder and the start of the run [epoch s] when the
run begins, and closed before the tables are made. The context gives the names of the metrics that it has
observed so far; None if it observes all.

It raises OSError or httpx.HTTPError when the observed service is gone: the run is then inconclusive."""


def outside_observer(pages: Sequence[str] = ()) -> RunObserver:
    """
    Return an observer of what can be observed from outside.

    Args:
        pages: URLs of Prometheus pages, each of another process of the service.

    Raises:
        Unreachable: One of them is not a Prometheus page with metrics of the service.
    """
    for page in pages:
        try:
            samples = _read(page)
        except httpx.HTTPError as error:
            raise Unreachable(f"{page} is not a page of Prometheus metrics: {error}") from None
        if not samples:
            raise Unreachable(f"{page} has no counter or gauge whose name begins with {PREFIX}")
    return partial(_observing, pages)


def unobserved(alarms: Iterable[Alarm], observed: Collection[str]) -> list[str]:
    """
    Return what was not observed: other namespaces that alarms read, and metrics of the service's namespace.

    Metrics of other namespaces cannot be seen from outside.
    """
    metrics = {metric for alarm in alarms for _, metric in alarm.metrics}
    others = {metric.namespace for metric in metrics} - {SERVICE_NAMESPACE}
    ours = {metric.name for metric in metrics if metric.namespace == SERVICE_NAMESPACE} | METRICS
    return sorted(others | (ours - set(observed)))


def _read(page: str) -> dict[tuple[str, str], Sample]:
    """Return the counters and gauges of a page, by name and labels; an HTTPError if it cannot be read."""
    response = httpx.get(page, timeout=5.0).raise_for_status()
    try:
        families = list(text_string_to_metric_families(response.text))
    except ValueError as error:
        raise httpx.DecodingError(str(error)) from error
    is_worker = any(family.name.startswith(WORKER_PREFIX) for family in families)
    return {
        (sample.name, labels_text(sample.labels)): sample
        for family in families
        for sample in family.samples
        if sample.name.startswith(PREFIX) and (family.type == "gauge" or is_counter(sample.name))
        if is_worker or sample.value or sample.name not in WORKER_COUNTERS
    }


@contextmanager
def _observing(pages: Sequence[str], folder: Path, began_at: float) -> Iterator[set[str]]:
    with TablePartWriter(folder, OBSERVER) as part:
        recorder, over = _ObservationRecorder(pages, folder, part, began_at), threading.Event()
        thread = threading.Thread(target=recorder.record_until, args=(over,), daemon=True)
        thread.start()
        try:
            yield recorder.observed
        finally:
            over.set()
            thread.join()
            recorder.record()


class _ObservationRecorder:
    """
    Records what is new since its last reading.

    Attributes:
        observed: Names of the metrics that were seen, whether their values changed or not.
    """

    def __init__(self, pages: Sequence[str], folder: Path, part: TablePartWriter, began_at: float) -> None:
        self._batches = Tail(folder, BatchRow)
        self._part = part
        self._began_at = began_at
        self._last = {page: _read(page) for page in pages}
        self.observed = {name for samples in self._last.values() for name, _ in samples}

    def record_until(self, over: threading.Event) -> None:
        while not over.wait(READ_EVERY_S):
            try:
                self.record()
            except httpx.HTTPError as error:  # a later reading catches up; the last one must not fail
                LOG.warning("metrics could not be read, trying again: %s", error)
            except OSError:  # a full disk: the last reading raises it where it is handled
                return

    def record(self) -> None:
        for row in self._batches.new_rows():
            if row.outcome is not None and row.received_at is not None and row.finished_at is not None:
                duration, labels = row.finished_at - row.received_at, labels_text({"outcome": row.outcome})
                self._add(row.finished_at, PROCESSING_DURATION, labels, duration)
        for page in self._last:
            self._record_samples(page)
        self._part.flush()

    def _record_samples(self, page: str) -> None:
        at, before, now = max(0.0, time.time() - self._began_at), self._last[page], _read(page)
        for (name, labels), sample in now.items():
            self.observed.add(name)
            is_gauge = not is_counter(name)
            value = sample.value if is_gauge else _growth(before.get((name, labels)), sample)
            if is_gauge or value:
                self._add(at, name, labels, value)
        self._last[page] = now

    def _add(self, at: float, metric: str, labels: str, value: float) -> None:
        self.observed.add(metric)
        self._part.add(MetricRow(at, metric, labels, value))


def _growth(before: Sample | None, now: Sample) -> float:
    """Return the increment of a counter; one that is smaller than before started again with its process."""
    last = 0.0 if before is None else before.value
    return now.value - last if now.value >= last else now.value
