"""A span processor that exports only when it is flushed."""

import threading

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter


class FlushedSpans(SpanProcessor):
    """Keeps the sampled spans that have ended until the next flush."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._ended: list[ReadableSpan] = []
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            with self._lock:
                self._ended.append(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 -- the exporter has its own
        with self._lock:
            ended, self._ended = self._ended, []
        if ended:
            self._exporter.export(ended)
        return True

    def shutdown(self) -> None:
        self.force_flush()
        self._exporter.shutdown()
