"""
What is recorded beside a run at a service whose AWS account nobody here can see.

Processing times come from the service's own timestamps, which its status tells the client. The other metrics
come from its Prometheus pages, if they are named: counters as increments between two looks, gauges as seen.
Its histogram of processing times is left alone: buckets are coarser than timestamps. Times are float seconds.
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
from harness.lab.load.preflight import Unreachable
from harness.lab.results.metric_names import PROCESSING_DURATION, SERVICE_NAMESPACE, is_counter, labels_text
from harness.lab.results.rows import BatchRow, MetricRow
from harness.lab.results.tail import Tail
from harness.lab.results.writer import OBSERVER, TablePartWriter

LOOK_EVERY_S = 1.0
TIMEOUT_S = 5.0

PREFIX = "media_"
METRICS = {
    PROCESSING_DURATION,
    "media_batches_created_total",
    "media_batches_failed_total",
    "media_processing_dlq_messages_total",
    "media_processing_inflight_jobs",
}
"""What a service that speaks the contract measures of itself."""

LOG = logging.getLogger(__name__)

Watch = Callable[[Path, float], AbstractContextManager[Collection[str] | None]]
"""Records something beside a run: opened with the run folder and its beginning [epoch s] when it begins,
closed before tables are made. Gives the names of the metrics it observes, as they come to be known; None if
there is none it could miss.

Raises OSError or httpx.HTTPError when what it watches is gone: the run is then inconclusive, not lost."""


def outside(pages: Sequence[str] = ()) -> Watch:
    """
    Return what records beside a run what can be known from outside.

    Args:
        pages: Addresses of Prometheus pages, each of another process of the service.

    Raises:
        Unreachable: One of them is no such page.
    """
    for page in pages:
        try:
            found = _read(page)
        except (httpx.HTTPError, ValueError) as error:
            raise Unreachable(f"{page} is no page of Prometheus metrics: {error}") from None
        if not found:
            raise Unreachable(f"{page} shows no counter or gauge that begins with {PREFIX}")
    return partial(_watching, pages)


def _read(page: str) -> dict[tuple[str, str], Sample]:
    """Return the samples of a page that are ours, by name and labels."""
    answer = httpx.get(page, timeout=TIMEOUT_S).raise_for_status()
    families = list(text_string_to_metric_families(answer.text))
    return {
        (sample.name, labels_text(sample.labels)): sample
        for family in families
        for sample in family.samples
        if sample.name.startswith(PREFIX) and (family.type == "gauge" or is_counter(sample.name))
    }


def unobserved(alarms: Iterable[Alarm], observed: Collection[str]) -> list[str]:
    """
    Return what nobody observed: the other namespaces that alarms read, and of the service's own each metric.

    Args:
        observed: Names of metrics of the service's namespace; others cannot be seen from outside.
    """
    metrics = {metric for alarm in alarms for _, metric in alarm.metrics}
    others = {metric.namespace for metric in metrics} - {SERVICE_NAMESPACE}
    ours = {metric.name for metric in metrics if metric.namespace == SERVICE_NAMESPACE} | METRICS
    return sorted(others | (ours - set(observed)))


@contextmanager
def _watching(pages: Sequence[str], folder: Path, began_at: float) -> Iterator[set[str]]:
    with TablePartWriter(folder, OBSERVER) as part:
        observer = _Observer(pages, folder, part, began_at)
        over = threading.Event()
        thread = threading.Thread(target=observer.follow, args=(over,), daemon=True)
        thread.start()
        try:
            yield observer.observed
        finally:
            over.set()
            thread.join()
            observer.look()


class _Observer:
    """
    Looks at what came to be known since it looked last.

    Attributes:
        observed: Names of the metrics that were seen, moving or not.
    """

    def __init__(self, pages: Sequence[str], folder: Path, part: TablePartWriter, began_at: float) -> None:
        self._batches = Tail(folder, BatchRow)
        self._part = part
        self._began_at = began_at
        self._counted = {page: _read(page) for page in pages}
        self.observed = {name for samples in self._counted.values() for name, _ in samples}

    def follow(self, over: threading.Event) -> None:
        while not over.wait(LOOK_EVERY_S):
            try:
                self.look()
            except httpx.HTTPError as error:  # the last look, which may not fail, catches up
                LOG.warning("metrics could not be read, trying again: %s", error)

    def look(self) -> None:
        for row in self._batches.new_rows():
            self._note_duration(row)
        for page in self._counted:
            self._note_samples(page)
        self._part.flush()

    def _note_duration(self, row: BatchRow) -> None:
        if row.outcome is None or row.received_at is None or row.finished_at is None:
            return
        self.observed.add(PROCESSING_DURATION)
        labels = labels_text({"outcome": row.outcome})
        self._part.add(
            MetricRow(row.finished_at, PROCESSING_DURATION, labels, row.finished_at - row.received_at)
        )

    def _note_samples(self, page: str) -> None:
        at, before, now = max(0.0, time.time() - self._began_at), self._counted[page], _read(page)
        for key, sample in now.items():
            self.observed.add(sample.name)
            name, labels = key
            if not is_counter(name):
                self._part.add(MetricRow(at, name, labels, sample.value))
            elif grown := _growth(before.get(key), sample):
                self._part.add(MetricRow(at, name, labels, grown))
        self._counted[page] = now


def _growth(before: Sample | None, now: Sample) -> float:
    """Return by how much a counter grew; one that is smaller than it was began anew with its process."""
    seen = 0.0 if before is None else before.value
    return now.value - seen if now.value >= seen else now.value
