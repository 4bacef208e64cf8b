"""The metrics of the service for Prometheus. Durations in seconds; no label is an id."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import (
    BATCHES_CREATED,
    BATCHES_FAILED,
    CALLBACK_ERRORS,
    DEAD_LETTERS,
    PROCESSING_DURATION,
    REPROCESS_REQUESTS,
    SIGNATURE,
    Instruments,
)

OTHER = "other"
"""The ``reason`` of a callback error that has none: Prometheus needs a value."""
PROCESSING_BUCKETS = (5, 15, 30, 60, 120, 180, 300, 450, 600, 900, 1200, 1800, 3600)


class PrometheusInstruments(Instruments):
    """The instruments. Every series starts at zero, because a rate needs a first value."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Otherwise every counter has a second series with its creation time.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here
        self._batches = Counter(
            BATCHES_CREATED, "Batches that entered a status.", ["status"], registry=registry
        )
        self._durations = Histogram(
            PROCESSING_DURATION,
            "Time from RECEIVED to READY or FAILED.",
            ["outcome"],
            buckets=PROCESSING_BUCKETS,
            registry=registry,
        )
        self._counters = {
            name: Counter(name, text, registry=registry)
            for name, text in (
                (BATCHES_FAILED, "Batches that ended FAILED."),
                (DEAD_LETTERS, "Messages in the dead-letter queue, each counted once."),
                (REPROCESS_REQUESTS, "Retries that users requested."),
            )
        }
        self._callback_errors = Counter(
            CALLBACK_ERRORS, "Callbacks that were refused or failed.", ["reason"], registry=registry
        )
        for reason in (OTHER, SIGNATURE):
            self._callback_errors.labels(reason)
        for status in BatchStatus:
            self._batches.labels(status.value)
            if status.terminal:
                self._durations.labels(status.value)

    def count(self, metric: str, **labels: str) -> None:
        self._counter(metric, labels).inc()

    def observe(self, metric: str, value: float, **labels: str) -> None:  # noqa: ARG002 -- there is only one
        self._durations.labels(**labels).observe(value)

    def _counter(self, metric: str, labels: Mapping[str, str]) -> Counter:
        if metric == BATCHES_CREATED:
            return self._batches.labels(**labels)
        if metric == CALLBACK_ERRORS:
            return self._callback_errors.labels(labels.get("reason", OTHER))
        return self._counters[metric]


class InflightJobs(Collector):
    """The gauge ``media_processing_inflight_jobs``, counted at every scrape."""

    def __init__(self, count: Callable[[], int], registry: CollectorRegistry) -> None:
        self._count = count
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = self._family()
        # No sample is better than an old value, and the other metrics must still be served.
        with suppress(Unavailable):
            family.add_metric([], self._count())
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "media_processing_inflight_jobs", "Jobs PENDING or RUNNING, from the database.", labels=[]
        )
