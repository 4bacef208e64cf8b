"""
The spans that the processes of the stack export, if they have no other collector: an OTLP/HTTP receiver.

The oldest spans are dropped above `SPANS_MAX`, about 20 MB. Times are float seconds since the epoch.
"""

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

SPANS_MAX = 30_000
_STATUSES = {Status.STATUS_CODE_OK: "OK", Status.STATUS_CODE_ERROR: "ERROR"}

StoredSpan = tuple[str, str, str | None, str, str, float, float, str, str | None, str | None]
"""The columns of the table ``spans``, in their order."""


class SpanStore:
    """The newest spans, in order of arrival, numbered from *first_span* on. Safe for threads."""

    def __init__(self, first_span: int = 0) -> None:
        self._spans: deque[StoredSpan] = deque(maxlen=SPANS_MAX)
        self._next = first_span
        self._lock = threading.Lock()

    def receive(self, request: bytes) -> None:
        """
        Store the spans of an export request.

        Raises:
            ValueError: *request* is not an ``ExportTraceServiceRequest``.
        """
        try:
            spans = list(_spans_of(ExportTraceServiceRequest.FromString(request)))
        except DecodeError as error:
            raise ValueError(f"not an export of spans: {error}") from None
        with self._lock:
            self._spans.extend(spans)
            self._next += len(spans)

    def since(self, number: int) -> tuple[int, list[StoredSpan]]:
        """Return the number of the next span, and those from *number* on that are still stored."""
        with self._lock:
            first = self._next - len(self._spans)
            return self._next, list(islice(self._spans, max(0, number - first), None))


def _spans_of(request: ExportTraceServiceRequest) -> Iterator[StoredSpan]:
    for resource in request.resource_spans:
        service = _text(resource.resource.attributes, "service.name") or "unknown"
        for scope in resource.scope_spans:
            yield from (_stored(span, service) for span in scope.spans)


def _stored(span: Span, service: str) -> StoredSpan:
    return (
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex() or None,
        span.name,
        service,
        span.start_time_unix_nano / 1e9,
        span.end_time_unix_nano / 1e9,
        _STATUSES.get(span.status.code, "UNSET"),
        _text(span.attributes, "batch_id"),
        _text(span.attributes, "job_id"),
    )


def _text(attributes: Iterable[KeyValue], name: str) -> str | None:
    for attribute in attributes:
        if attribute.key == name:
            value = attribute.value
            return value.string_value if value.HasField("string_value") else str(value.int_value)
    return None
