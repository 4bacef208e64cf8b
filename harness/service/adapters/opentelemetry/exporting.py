"""
The tracer that the standard environment variables of OpenTelemetry describe.

Spans are exported by OTLP if ``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` or
``OTEL_TRACES_EXPORTER=otlp`` is set; otherwise nothing is recorded. The SDK reads the other variables, e.g.
``OTEL_TRACES_SAMPLER``, ``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_HEADERS``, ``OTEL_BSP_SCHEDULE_DELAY``.
Its modules are imported only if they are needed: that takes a third of a second.
"""

import os
from typing import TYPE_CHECKING

from harness.service.adapters.opentelemetry.tracer import OpenTelemetryTracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class TracingInvalid(ValueError):
    """A variable has a value that this service does not support; the message names both."""


def tracer_of_environment(service: str, *, at_once: bool = False) -> OpenTelemetryTracer:
    """
    Return the tracer of this process.

    Args:
        service: Name of the service in its spans, unless ``OTEL_SERVICE_NAME`` or
            ``OTEL_RESOURCE_ATTRIBUTES`` has one.
        at_once: Export only in `OpenTelemetryTracer.flush`, e.g. at the end of an invocation. The spans of a
            process that is killed before are all lost: some without their parents would be worse.

    Raises:
        TracingInvalid: The exporter or the protocol is unknown.
    """
    if not is_exporting():
        return OpenTelemetryTracer()
    from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider

    from harness.service.adapters.opentelemetry.linked_sampler import LinkedSampler

    resource = Resource.create({SERVICE_NAME: service}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.sampler = LinkedSampler(provider.sampler)
    processor = _processor(_exporter(), at_once=at_once)
    provider.add_span_processor(processor)
    return OpenTelemetryTracer(provider, processor)


def is_exporting() -> bool:
    """Return whether the environment asks for spans; raise `TracingInvalid` for an unknown exporter."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "").strip()
    if exporter not in ("", "none", "otlp"):
        raise TracingInvalid(f"OTEL_TRACES_EXPORTER is {exporter}; this service knows otlp and none.")
    if exporter == "none" or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    return exporter == "otlp" or any(os.environ.get(name) for name in ENDPOINTS)


def _exporter() -> "SpanExporter":
    protocol = next(filter(None, map(os.environ.get, PROTOCOLS)), "http/protobuf")
    if protocol == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()
    if protocol != "grpc":
        raise TracingInvalid(f"{PROTOCOLS[1]} is {protocol}; this service knows http/protobuf and grpc.")
    try:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
    except ImportError:
        raise TracingInvalid(
            f"{PROTOCOLS[1]} is grpc, and opentelemetry-exporter-otlp-proto-grpc is not installed: "
            "use http/protobuf."
        ) from None
    return GrpcExporter()


def _processor(exporter: "SpanExporter", *, at_once: bool) -> "SpanProcessor":
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from harness.service.adapters.opentelemetry.flushed_spans import FlushedSpans

    return FlushedSpans(exporter) if at_once else BatchSpanProcessor(exporter)
