"""
The metrics of the service for Prometheus. Durations in seconds; no label is an id.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import Instruments

PROCESSING_BUCKETS = (5, 15, 30, 60, 120, 180, 300, 450, 600, 900, 1200, 1800, 3600)


class PrometheusInstruments(Instruments):
    """
    The instruments. Every series starts at zero, because a rate needs a first value.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # Otherwise every counter has a second series with its creation time.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has no types here
        self._batches = Counter(
            "media_batches_created_total", "Batches that entered a status.", ["status"], registry=registry
        )
        self._failed = Counter("media_batches_failed_total", "Batches that ended FAILED.", registry=registry)
        self._duration = Histogram(
            "media_processing_duration_seconds",
            "Time from RECEIVED to READY or FAILED.",
            ["outcome"],
            buckets=PROCESSING_BUCKETS,
            registry=registry,
        )
        self._dead_letters = Counter(
            "media_processing_dlq_messages_total",
            "Messages in the dead-letter queue, each counted once.",
            registry=registry,
        )
        self._reprocess = Counter(
            "media_reprocess_requests_total", "Retries that users requested.", registry=registry
        )
        self._callback_errors = Counter(
            "media_processing_callback_errors_total",
            "Callbacks that were refused or failed.",
            registry=registry,
        )
        for status in BatchStatus:
            self._batches.labels(status.value)
            if status.terminal:
                self._duration.labels(status.value)

    def batch_entered(self, status: BatchStatus) -> None:
        self._batches.labels(status.value).inc()
        if status is BatchStatus.FAILED:
            self._failed.inc()

    def processing_finished(self, duration: float, *, outcome: BatchStatus) -> None:
        self._duration.labels(outcome.value).observe(duration)

    def dead_letter(self) -> None:
        self._dead_letters.inc()

    def reprocess_requested(self) -> None:
        self._reprocess.inc()

    def callback_failed(self) -> None:
        self._callback_errors.inc()


class InflightJobs(Collector):
    """
    The gauge ``media_processing_inflight_jobs``, counted at every scrape; without a sample if the database
    fails.

    Args:
        count: Returns the number of jobs that are PENDING or RUNNING.
    """

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
