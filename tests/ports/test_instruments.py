"""
The contract of `Instruments`: every event is counted once, with the same metrics in each vendor.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from harness.service.adapters.fan_out.instruments import FanOutInstruments
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.prometheus.instruments import PrometheusInstruments
from harness.service.core.model.batch import BatchStatus
from harness.service.core.ports.instruments import Instruments

READY, FAILED = BatchStatus.READY, BatchStatus.FAILED


@dataclass(frozen=True)
class Measured:
    """Instruments, and a function that reads them by metric."""

    instruments: Instruments
    read: Callable[[], Mapping[str, float]]


def memory() -> Measured:
    kept = InMemoryInstruments()

    def read() -> Mapping[str, float]:
        return {
            "ready": kept.entered[READY],
            "failed": kept.entered[FAILED],
            "finished": len(kept.durations),
            "seconds": sum(seconds for _, seconds in kept.durations),
            "dead": kept.counts["media_processing_dlq_messages_total"],
            "reprocess": kept.counts["media_reprocess_requests_total"],
            "callback errors": kept.counts["media_processing_callback_errors_total"],
            "unsigned callbacks": kept.unsigned,
        }

    return Measured(kept, read)


def prometheus() -> Measured:
    registry = CollectorRegistry()

    def value(name: str, **labels: str) -> float:
        return registry.get_sample_value(name, labels) or 0.0

    def read() -> Mapping[str, float]:
        outcomes = ("READY", "FAILED")
        duration = "media_processing_duration_seconds"
        return {
            "ready": value("media_batches_created_total", status="READY"),
            "failed": value("media_batches_failed_total"),
            "finished": sum(value(f"{duration}_count", outcome=one) for one in outcomes),
            "seconds": sum(value(f"{duration}_sum", outcome=one) for one in outcomes),
            "dead": value("media_processing_dlq_messages_total"),
            "reprocess": value("media_reprocess_requests_total"),
            "callback errors": value("media_processing_callback_errors_total", reason="other"),
            "unsigned callbacks": value("media_processing_callback_errors_total", reason="signature"),
        }

    return Measured(PrometheusInstruments(registry), read)


def fan_out() -> Measured:
    first, second = memory(), prometheus()
    both = FanOutInstruments((first.instruments, second.instruments))

    def read() -> Mapping[str, float]:
        assert first.read() == second.read()
        return first.read()

    return Measured(both, read)


@pytest.fixture(params=[memory, prometheus, fan_out], ids=lambda make: make.__name__)
def measured(request):
    return request.param()


def test_every_metric_starts_at_zero(measured):
    """
    Without an event all values are zero.
    """
    assert set(measured.read().values()) == {0}


def test_every_event_is_counted_once(measured):
    """
    Each call changes its own metric only; a failed batch is also counted separately.
    """
    instruments = measured.instruments
    instruments.batch_entered(READY)
    instruments.batch_entered(FAILED)
    instruments.batch_entered(FAILED)
    instruments.processing_finished(12.5, outcome=READY)
    instruments.processing_finished(600.0, outcome=FAILED)
    instruments.dead_letter()
    instruments.reprocess_requested()
    instruments.callback_failed()
    instruments.callback_unsigned()
    instruments.callback_unsigned()

    assert measured.read() == {
        "ready": 1,
        "failed": 2,
        "finished": 2,
        "seconds": 612.5,
        "dead": 1,
        "reprocess": 1,
        "callback errors": 1,
        "unsigned callbacks": 2,
    }
