"""
The contract of `Tracer`: one tree across processes, errors on the spans that failed, nothing if not sampled.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.opentelemetry.linked_sampler import LinkedSampler
from harness.service.adapters.opentelemetry.tracer import OpenTelemetryTracer
from harness.service.core.ports.tracer import SpanKind, TraceContext, Tracer

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE_ID}-b7ad6b7169203331-00"


@dataclass(frozen=True)
class Seen:
    """A span that has ended; ids in hex."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    failed: bool
    links: tuple[str, ...]


@dataclass(frozen=True)
class Traced:
    """A tracer, and a function that returns the spans that have ended."""

    tracer: Tracer
    spans: Callable[[], list[Seen]]


def memory() -> Traced:
    tracer = InMemoryTracer()

    def spans() -> list[Seen]:
        return [
            Seen(
                each.name,
                each.context.trace_id,
                each.context.span_id,
                each.parent and each.parent.span_id,
                each.error is not None,
                tuple(link.span_id for link in each.links),
            )
            for each in tracer.spans
        ]

    return Traced(tracer, spans)


def opentelemetry() -> Traced:
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.sampler = LinkedSampler(provider.sampler)
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    def spans() -> list[Seen]:
        return [
            Seen(
                each.name,
                f"{each.context.trace_id:032x}",
                f"{each.context.span_id:016x}",
                f"{each.parent.span_id:016x}" if each.parent else None,
                not each.status.is_ok,
                tuple(f"{link.context.span_id:016x}" for link in each.links),
            )
            for each in exporter.get_finished_spans()
        ]

    return Traced(OpenTelemetryTracer(provider), spans)


@pytest.fixture(params=[memory, opentelemetry], ids=lambda make: make.__name__)
def traced(request) -> Traced:
    return request.param()


def test_a_hop_continues_the_trace_of_its_parent(traced):
    """
    It has an id of its own, which the next process gets as its parent.
    """
    with traced.tracer.hop("dispatch", parent=PARENT, kind=SpanKind.CONSUMER) as span:
        traceparent = span.traceparent
        assert traced.tracer.traceparent() == traceparent

    [hop] = traced.spans()
    assert (hop.trace_id, hop.parent_id) == (TRACE_ID, "b7ad6b7169203331")
    assert traceparent == f"00-{TRACE_ID}-{hop.span_id}-01"
    assert traced.tracer.traceparent() is None


def test_without_a_valid_parent_a_trace_begins(traced):
    """
    A hop is never without ids.
    """
    with traced.tracer.hop("request", parent="nonsense", kind=SpanKind.SERVER) as span:
        assert TraceContext.parse(span.traceparent)

    assert traced.spans()[0].parent_id is None


def test_the_spans_inside_are_children(traced):
    """
    A span opened inside, and a call that has ended inside that.
    """
    with (
        traced.tracer.hop("request", parent=None, kind=SpanKind.SERVER),
        traced.tracer.span("use case"),
    ):
        traced.tracer.record("call", 0.5)

    call, use_case, request = traced.spans()
    assert [span.name for span in (call, use_case, request)] == ["call", "use case", "request"]
    assert (call.parent_id, use_case.parent_id) == (use_case.span_id, request.span_id)
    assert len({span.trace_id for span in traced.spans()}) == 1


def test_outside_of_a_hop_nothing_is_recorded(traced):
    """
    A poll of an empty queue is not worth a trace.
    """
    with traced.tracer.span("use case"):
        traced.tracer.record("call", 0.5)

    assert traced.spans() == []


def test_an_unsampled_hop_records_nothing_and_has_ids(traced):
    """
    The decision of the caller is valid for the whole trace.
    """
    with (
        traced.tracer.hop("request", parent=UNSAMPLED, kind=SpanKind.SERVER) as span,
        traced.tracer.span("use case"),
    ):
        traced.tracer.record("call", 0.5)

    assert traced.spans() == []
    assert span.traceparent.startswith(f"00-{TRACE_ID}-")
    assert span.traceparent.endswith("-00")
    assert span.traceparent != UNSAMPLED


def test_an_error_fails_the_spans_that_it_leaves(traced):
    """
    Not the one in which it is handled.
    """
    with traced.tracer.hop("request", parent=None, kind=SpanKind.SERVER):
        with pytest.raises(KeyError), traced.tracer.span("use case"):
            raise KeyError("k")
        traced.tracer.record("call", 0.1, error=KeyError("k"))

    assert {span.name: span.failed for span in traced.spans()} == {
        "use case": True,
        "call": True,
        "request": False,
    }


def test_a_handled_error_can_be_set(traced):
    """
    The message stays in the queue, and the span shows why.
    """
    with traced.tracer.hop("dispatch", parent=None, kind=SpanKind.CONSUMER) as span:
        span.fail(ValueError("no"))

    assert traced.spans()[0].failed


def test_log_lines_have_the_ids_of_the_innermost_span(traced):
    """
    They are in the context of the log while the span is open.
    """
    with traced.tracer.hop("request", parent=PARENT, kind=SpanKind.SERVER):
        with traced.tracer.span("use case"):
            inside = structlog.contextvars.get_contextvars()
        outside = structlog.contextvars.get_contextvars()

    use_case, request = traced.spans()
    assert inside == {"trace_id": TRACE_ID, "span_id": use_case.span_id}
    assert outside == {"trace_id": TRACE_ID, "span_id": request.span_id}


def test_an_iteration_links_its_hops(traced):
    """
    A loop handles messages of many traces; it is in none of them.
    """
    with (
        traced.tracer.iteration("loop"),
        traced.tracer.hop("dispatch", parent=PARENT, kind=SpanKind.CONSUMER),
    ):
        pass

    hop, loop = traced.spans()
    assert loop.links == (hop.span_id,)
    assert loop.parent_id is None
    assert loop.trace_id != TRACE_ID


def test_an_idle_iteration_is_not_recorded(traced):
    """
    Most polls find nothing.
    """
    with traced.tracer.iteration("loop"):
        pass

    assert traced.spans() == []


def test_a_failed_iteration_is_recorded(traced):
    """
    Also if it failed before it had a message.
    """
    with pytest.raises(OSError, match="down"), traced.tracer.iteration("loop"):
        raise OSError("down")

    assert [(span.name, span.failed) for span in traced.spans()] == [("loop", True)]


def test_without_a_provider_only_hops_have_ids():
    """
    Tracing that is off passes the caller's decision on and records nothing.
    """
    tracer = OpenTelemetryTracer()

    with tracer.iteration("loop"), tracer.hop("request", parent=PARENT, kind=SpanKind.SERVER) as span:
        before = tracer.traceparent()
        with tracer.span("use case"):
            tracer.record("call", 0.5)
            assert tracer.traceparent() == before

    assert span.traceparent == before
    assert before.startswith(f"00-{TRACE_ID}-")
    assert before.endswith("-01")
    assert before != PARENT
