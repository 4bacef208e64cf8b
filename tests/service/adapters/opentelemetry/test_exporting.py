"""
The standard environment variables of OpenTelemetry.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from harness.service.adapters.opentelemetry.exporting import TracingInvalid, tracer_of_environment
from harness.service.core.ports.tracer import SpanKind


class Receiver(trace_service_pb2_grpc.TraceServiceServicer):
    """An OTLP receiver over gRPC."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []

    def Export(self, request, context):
        for resource in request.resource_spans:
            attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.spans += [
                (attributes["service.name"], span.name)
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def receiver(monkeypatch) -> Iterator[Receiver]:
    """A receiver that the environment names."""
    kept = Receiver()
    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(kept, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    yield kept
    server.stop(None)


def one_hop(tracer, parent=None):
    with tracer.hop("request", parent=parent, kind=SpanKind.SERVER) as span:
        return span.traceparent


def test_spans_are_exported_over_grpc(receiver):
    """
    The service has the name of the process.
    """
    tracer = tracer_of_environment("listing-media-api")

    one_hop(tracer)
    tracer.close()

    assert receiver.spans == [("listing-media-api", "request")]


def test_the_environment_names_the_service_and_the_sampler(receiver, monkeypatch):
    """
    An unsampled trace is not exported; a name of the user replaces ours.
    """
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    tracer = tracer_of_environment("listing-media-api")

    assert one_hop(tracer).endswith("-00")
    assert one_hop(tracer, f"00-{'a' * 32}-{'b' * 16}-01").endswith("-01")
    tracer.close()

    assert receiver.spans == [("mine", "request")]


def test_a_function_exports_when_it_is_flushed(receiver):
    """
    Not before: a function that is killed leaves no spans without their parents.
    """
    tracer = tracer_of_environment("listing-media-zip", at_once=True)

    one_hop(tracer)
    assert receiver.spans == []
    tracer.flush()

    assert receiver.spans == [("listing-media-zip", "request")]


@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_tracing_can_be_turned_off(receiver, monkeypatch, name, value):
    """
    Although there is an endpoint.
    """
    monkeypatch.setenv(name, value)
    tracer = tracer_of_environment("listing-media-api")

    one_hop(tracer, f"00-{'a' * 32}-{'b' * 16}-01")
    tracer.close()

    assert receiver.spans == []


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "OTEL_TRACES_EXPORTER",
            "zipkin",
            "OTEL_TRACES_EXPORTER is zipkin; this service knows otlp and none.",
        ),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http/json",
            "OTEL_EXPORTER_OTLP_PROTOCOL is http/json; this service knows http/protobuf and grpc.",
        ),
    ],
)
def test_an_unknown_value_is_refused(receiver, monkeypatch, name, value, message):
    """
    The message names the variable and what is possible.
    """
    monkeypatch.setenv(name, value)

    with pytest.raises(TracingInvalid) as refused:
        tracer_of_environment("listing-media-api")

    assert str(refused.value) == message
