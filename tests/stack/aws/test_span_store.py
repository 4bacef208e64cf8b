"""
The spans of the stack's own receiver.
"""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from harness.stack.aws import span_store
from harness.stack.aws.span_store import SpanStore


def request(*names: str) -> bytes:
    exported = ExportTraceServiceRequest()
    resource = exported.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "listing-media-api"
    scope = resource.scope_spans.add()
    for name in names:
        span = scope.spans.add(name=name, trace_id=b"t" * 16, span_id=b"s" * 8)
        span.start_time_unix_nano, span.end_time_unix_nano = 1_500_000_000, 2_000_000_000
        span.attributes.add(key="batch_id").value.string_value = "b"
        span.attributes.add(key="job_id").value.int_value = 7
        span.status.code = span.status.STATUS_CODE_ERROR
    return exported.SerializeToString()


def test_a_span_becomes_a_row():
    """
    Ids in hex, times in seconds, the service of the resource; a root has no parent.
    """
    store = SpanStore()

    store.receive(request("zip"))

    ids = ("74" * 16, "73" * 8, None)
    assert store.since(0) == (1, [(*ids, "zip", "listing-media-api", 1.5, 2.0, "ERROR", "b", "7")])
    assert store.since(1) == (1, [])


def test_the_oldest_spans_are_dropped(monkeypatch):
    """
    The numbers of the others stay.
    """
    monkeypatch.setattr(span_store, "SPANS_MAX", 2)
    store = SpanStore()

    store.receive(request("a", "b", "c"))

    assert [row[3] for row in store.since(0)[1]] == ["b", "c"]
    assert [row[3] for row in store.since(2)[1]] == ["c"]
    assert store.since(2)[0] == 3


def test_a_reader_of_an_earlier_store_misses_nothing():
    """
    The numbers of a later store are beyond those of an earlier one.
    """
    later = SpanStore(2000)

    later.receive(request("a", "b"))

    assert later.since(1002)[0] == 2002
    assert [row[3] for row in later.since(1002)[1]] == ["a", "b"]
    assert [row[3] for row in later.since(2001)[1]] == ["b"]


def test_anything_else_is_refused():
    """
    The control API answers 400.
    """
    with pytest.raises(ValueError, match="not an export of spans"):
        SpanStore().receive(b"{}")
