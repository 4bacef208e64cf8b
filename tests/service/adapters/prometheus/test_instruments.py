"""
The metrics at ``/metrics``.
"""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from harness.service.adapters.prometheus.database_instruments import DatabaseInstruments
from harness.service.adapters.prometheus.http_instruments import HttpInstruments
from harness.service.adapters.prometheus.instruments import InflightJobs, PrometheusInstruments
from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import BatchStatus


@pytest.fixture
def registry() -> CollectorRegistry:
    """A registry for one test."""
    return CollectorRegistry()


class TestPrometheusInstruments:
    def test_every_series_starts_at_zero(self, registry: CollectorRegistry) -> None:
        """
        With the names and labels of the contract, and no others.
        """
        PrometheusInstruments(registry)

        names = {
            line.split(" ")[0]
            for line in generate_latest(registry).decode().splitlines()
            if not line.startswith("#") and "_bucket" not in line
        }

        assert names == {
            'media_batches_created_total{status="PENDING_UPLOAD"}',
            'media_batches_created_total{status="RECEIVED"}',
            'media_batches_created_total{status="PROCESSING"}',
            'media_batches_created_total{status="READY"}',
            'media_batches_created_total{status="FAILED"}',
            "media_batches_failed_total",
            'media_processing_duration_seconds_count{outcome="READY"}',
            'media_processing_duration_seconds_count{outcome="FAILED"}',
            'media_processing_duration_seconds_sum{outcome="READY"}',
            'media_processing_duration_seconds_sum{outcome="FAILED"}',
            "media_processing_dlq_messages_total",
            "media_reprocess_requests_total",
            'media_processing_callback_errors_total{reason="other"}',
            'media_processing_callback_errors_total{reason="signature"}',
        }

    def test_a_failed_batch_counts_twice(self, registry: CollectorRegistry) -> None:
        """
        Once by its status, once as a failure.
        """
        instruments = PrometheusInstruments(registry)
        instruments.batch_entered(BatchStatus.FAILED)
        instruments.batch_entered(BatchStatus.READY)

        assert registry.get_sample_value("media_batches_created_total", {"status": "FAILED"}) == 1
        assert registry.get_sample_value("media_batches_created_total", {"status": "READY"}) == 1
        assert registry.get_sample_value("media_batches_failed_total") == 1

    def test_durations_fall_into_the_buckets_of_the_contract(self, registry: CollectorRegistry) -> None:
        """
        Ten minutes are in the bucket of the alarm, one second more is not.
        """
        instruments = PrometheusInstruments(registry)
        for duration in (600, 601):
            instruments.processing_finished(duration, outcome=BatchStatus.READY)

        buckets = {
            sample.labels["le"]: sample.value
            for metric in registry.collect()
            for sample in metric.samples
            if sample.name.endswith("_bucket") and sample.labels["outcome"] == "READY"
        }

        wanted = "5.0 15.0 30.0 60.0 120.0 180.0 300.0 450.0 600.0 900.0 1200.0 1800.0 3600.0 +Inf"
        assert list(buckets) == wanted.split()
        assert (buckets["450.0"], buckets["600.0"], buckets["900.0"]) == (0, 1, 2)

    def test_the_other_counters_count(self, registry: CollectorRegistry) -> None:
        """
        Dead letters, retries and failed callbacks.
        """
        instruments = PrometheusInstruments(registry)
        instruments.dead_letter()
        instruments.reprocess_requested()
        instruments.callback_failed()
        instruments.callback_unsigned()

        assert registry.get_sample_value("media_processing_dlq_messages_total") == 1
        assert registry.get_sample_value("media_reprocess_requests_total") == 1
        for reason in ("other", "signature"):
            labels = {"reason": reason}
            assert registry.get_sample_value("media_processing_callback_errors_total", labels) == 1


class TestInflightJobs:
    def test_they_are_counted_at_every_scrape(self, registry: CollectorRegistry) -> None:
        """
        The value is not stored between two scrapes.
        """
        answers = iter([3, 5])
        InflightJobs(lambda: next(answers), registry)

        assert registry.get_sample_value("media_processing_inflight_jobs") == 3
        assert registry.get_sample_value("media_processing_inflight_jobs") == 5

    def test_an_absent_database_leaves_the_other_metrics(self, registry: CollectorRegistry) -> None:
        """
        There is no sample instead of an old one, and the scrape succeeds.
        """

        def count() -> int:
            raise Unavailable("The database does not answer.")

        PrometheusInstruments(registry)
        InflightJobs(count, registry)

        text = generate_latest(registry).decode()

        assert "\nmedia_processing_inflight_jobs " not in text
        assert "media_batches_failed_total 0.0" in text


class TestHttpInstruments:
    def test_requests_are_counted_by_route_and_status(self, registry: CollectorRegistry) -> None:
        """
        The durations are recorded by route.
        """
        http = HttpInstruments(registry)
        http.served("POST", "/api/v2/listings/media/uploads", 201, 0.02)

        labels = {"method": "POST", "route": "/api/v2/listings/media/uploads"}
        assert registry.get_sample_value("http_requests_total", labels | {"status": "201"}) == 1
        assert registry.get_sample_value("http_request_duration_seconds_sum", labels) == 0.02


class TestDatabaseInstruments:
    def test_statements_are_counted_by_operation_and_table(self, registry: CollectorRegistry) -> None:
        """
        Failures are counted separately; all durations are recorded.
        """
        database = DatabaseInstruments(registry)
        database.statement("select", "users", 0.5, failed=False)
        database.statement("select", "users", 0.25, failed=True)

        labels = {"operation": "select", "table": "users"}
        assert registry.get_sample_value("database_queries_total", labels | {"outcome": "ok"}) == 1
        assert registry.get_sample_value("database_queries_total", labels | {"outcome": "error"}) == 1
        assert registry.get_sample_value("database_query_duration_seconds_sum", labels) == 0.75
