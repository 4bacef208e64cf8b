"""
The decorator of the adapters: every call is counted, timed and a span.
"""

import pytest
from prometheus_client import CollectorRegistry

from harness.service.adapters.instrumented.adapter import instrumented
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.prometheus.aws_instruments import AwsInstruments
from harness.service.core.errors import Unavailable
from harness.service.core.model.checksum import Sha256
from harness.service.core.ports.tracer import SpanKind


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tracer() -> InMemoryTracer:
    return InMemoryTracer()


@pytest.fixture
def adapter() -> InMemoryObjectStorage:
    return InMemoryObjectStorage()


@pytest.fixture
def storage(adapter, registry, tracer):
    return instrumented(adapter, "S3", tracer, AwsInstruments(registry).call)


def test_a_call_is_counted_timed_and_a_span(storage, registry, tracer):
    """
    Under the names of the service and of the operation.
    """
    with tracer.hop("request", parent=None, kind=SpanKind.SERVER):
        assert storage.head("42/raw/a.jpg") is None

    labels = {"service": "S3", "operation": "head"}
    assert registry.get_sample_value("aws_calls_total", labels | {"outcome": "ok"}) == 1
    assert registry.get_sample_value("aws_call_duration_seconds_count", labels) == 1
    assert [span.name for span in tracer.spans] == ["S3 head", "request"]
    assert tracer.spans[0].parent == tracer.spans[1].context


def test_a_failed_call_is_an_error(adapter, storage, registry, tracer):
    """
    In the metric and on its span; the caller gets the error.
    """
    adapter.available = False

    with tracer.hop("request", parent=None, kind=SpanKind.SERVER), pytest.raises(Unavailable):
        storage.ping()

    labels = {"service": "S3", "operation": "ping", "outcome": "error"}
    assert registry.get_sample_value("aws_calls_total", labels) == 1
    assert isinstance(tracer.spans[0].error, Unavailable)


def test_a_signature_is_not_a_call(storage, registry):
    """
    It sends nothing.
    """
    storage.sign_upload("42/raw/a.jpg", content_type="image/jpeg", checksum=Sha256.parse("0" * 64), ttl=900)

    assert [sample.name for metric in registry.collect() for sample in metric.samples] == []
