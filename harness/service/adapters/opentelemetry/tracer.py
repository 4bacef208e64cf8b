"""
The spans of a process with the OpenTelemetry SDK.

Without a provider nothing is recorded: hops have ids for the log and pass the trace on, and the other spans
do not exist.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, StatusCode, TraceFlags

from harness.service.core.ports.tracer import Span, SpanKind, TraceContext, Tracer

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

SCOPE = "harness.service"
CLOSE_S = 3.0
_KINDS = {kind: trace.SpanKind[kind.value] for kind in SpanKind}


class OpenTelemetryTracer(Tracer):
    """
    The tracer of one process, or of one of several functions in a process.

    Args:
        provider: Samples and exports the spans; None records nothing.
        processor: The provider's processor. It gets the spans of `record` directly: a full span of the SDK,
            which a block could still change, takes five times as long.
    """

    def __init__(
        self, provider: "TracerProvider | None" = None, processor: "SpanProcessor | None" = None
    ) -> None:
        self._provider = provider
        self._processor = processor
        self._tracer = provider.get_tracer(SCOPE) if provider else None

    @contextmanager
    def hop(self, name: str, *, parent: str | None, kind: SpanKind, **attributes: object) -> Iterator[Span]:
        span = self._begin(name, TraceContext.parse(parent), kind)
        if (links := _LINKS.get()) is not None:
            links.append(span.get_span_context())
        with _current(span, attributes) as opened:
            yield opened

    @contextmanager
    def span(self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: object) -> Iterator[None]:
        if self._tracer is None or not trace.get_current_span().is_recording():
            yield
            return
        with _current(self._tracer.start_span(name, kind=_KINDS[kind]), attributes):
            yield

    def record(
        self,
        name: str,
        duration: float,
        *,
        error: BaseException | None = None,
        kind: SpanKind = SpanKind.CLIENT,
        **attributes: object,
    ) -> None:
        current = trace.get_current_span()
        if self._tracer is None or not current.is_recording():
            return
        now = time.time_ns()
        if error is None and self._processor is not None:
            self._pass_on(name, current.get_span_context(), now, duration, kind, attributes)
            return
        span = self._tracer.start_span(
            name, kind=_KINDS[kind], attributes=_texts(attributes), start_time=now - round(duration * 1e9)
        )
        if error is not None:
            _fail(span, error)
        span.end(now)

    def _pass_on(
        self,
        name: str,
        parent: SpanContext,
        now: int,
        duration: float,
        kind: SpanKind,
        attributes: Mapping[str, object],
    ) -> None:
        """Pass a finished span to the processor. It is sampled as its parent, which is recorded."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        assert self._provider is not None and self._processor is not None  # noqa: S101, PT018 - see `record`
        span_id = self._provider.id_generator.generate_span_id()
        span = ReadableSpan(
            name,
            context=SpanContext(parent.trace_id, span_id, False, parent.trace_flags, parent.trace_state),
            parent=parent,
            resource=self._provider.resource,
            attributes=_texts(attributes),
            kind=_KINDS[kind],
            instrumentation_scope=InstrumentationScope(SCOPE),
            start_time=now - round(duration * 1e9),
            end_time=now,
        )
        self._processor.on_end(span)

    @contextmanager
    def iteration(self, name: str) -> Iterator[None]:
        if self._tracer is None:
            yield
            return
        links: list[SpanContext] = []
        started_at, token, failure = time.time_ns(), _LINKS.set(links), None
        try:
            yield
        except Exception as error:
            failure = error
            raise
        finally:
            _LINKS.reset(token)
            if links or failure:
                linked = [Link(context) for context in links]
                span = self._tracer.start_span(name, Context(), links=linked, start_time=started_at)
                if failure:
                    _fail(span, failure)
                span.end()

    def traceparent(self) -> str | None:
        context = trace.get_current_span().get_span_context()
        return _trace_context(context).traceparent if context.is_valid else None

    def flush(self) -> None:
        """Export the spans that have ended: a Lambda function may be frozen or ended when it has answered."""
        if self._provider is not None:
            self._provider.force_flush()

    def close(self) -> None:
        """Export the spans that have ended, and stop; a collector that is down cannot delay this for long."""
        if self._provider is not None:
            closing = threading.Thread(target=self._provider.shutdown, daemon=True)
            closing.start()
            closing.join(CLOSE_S)

    def _begin(self, name: str, parent: TraceContext | None, kind: SpanKind) -> trace.Span:
        if self._tracer is None:
            # The decision of the caller travels on: a later process may record.
            context = parent.child() if parent else TraceContext.begin(sampled=False)
            return NonRecordingSpan(_span_context(context, remote=False))
        above = Context()
        if parent:
            above = trace.set_span_in_context(NonRecordingSpan(_span_context(parent, remote=True)), above)
        return self._tracer.start_span(name, above, kind=_KINDS[kind])


class OpenSpan(Span):
    """A span of the SDK."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        return _trace_context(self._span.get_span_context()).traceparent

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, **attributes: object) -> None:
        if self._span.is_recording():
            self._span.set_attributes(_texts(attributes))

    def fail(self, error: BaseException | str) -> None:
        _fail(self._span, error)


@contextmanager
def _current(span: trace.Span, attributes: Mapping[str, object]) -> Iterator[OpenSpan]:
    """Make a span the current one, also for log lines, and end it with the block."""
    opened, context = OpenSpan(span), _trace_context(span.get_span_context())
    opened.set(**attributes)
    token = attach(trace.set_span_in_context(span))
    try:
        with structlog.contextvars.bound_contextvars(trace_id=context.trace_id, span_id=context.span_id):
            yield opened
    except Exception as error:
        opened.fail(error)
        raise
    finally:
        detach(token)
        span.end()


def _fail(span: trace.Span, error: BaseException | str) -> None:
    """Set the status ERROR; the description is what a list of spans shows."""
    if not span.is_recording():
        return
    if isinstance(error, BaseException):
        span.record_exception(error)
        error = f"{type(error).__name__}: {error}"
    span.set_status(StatusCode.ERROR, error)


def _texts(attributes: Mapping[str, object]) -> dict[str, str | int | float | bool]:
    return {
        name: each if isinstance(each, str | int | float | bool) else str(each)
        for name, each in attributes.items()
        if each is not None
    }


def _trace_context(context: SpanContext) -> TraceContext:
    sampled = bool(context.trace_flags & TraceFlags.SAMPLED)
    return TraceContext(f"{context.trace_id:032x}", f"{context.span_id:016x}", sampled)


def _span_context(context: TraceContext, *, remote: bool) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), remote, flags)


_LINKS: ContextVar[list[SpanContext] | None] = ContextVar("links of an iteration", default=None)
