"""The spans of a process in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import structlog

from harness.service.core.ports.tracer import Span, SpanKind, TraceContext, Tracer


@dataclass(slots=True)
class RecordedSpan(Span):
    """A span; *links* are the hops of an iteration."""

    name: str
    context: TraceContext
    parent: TraceContext | None
    kind: SpanKind
    attributes: dict[str, object] = field(default_factory=dict)
    error: BaseException | str | None = None
    links: list[TraceContext] = field(default_factory=list)

    @property
    def traceparent(self) -> str:
        return self.context.traceparent

    def rename(self, name: str) -> None:
        self.name = name

    def set(self, **attributes: object) -> None:
        self.attributes |= {name: each for name, each in attributes.items() if each is not None}

    def fail(self, error: BaseException | str) -> None:
        self.error = error


class InMemoryTracer(Tracer):
    """Records every sampled span; *spans* are those that have ended, in order of their end."""

    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []

    @contextmanager
    def hop(self, name: str, *, parent: str | None, kind: SpanKind, **attributes: object) -> Iterator[Span]:
        above = TraceContext.parse(parent)
        context = above.child() if above else TraceContext.begin(sampled=True)
        if (links := _LINKS.get()) is not None:
            links.append(context)
        with self._open(RecordedSpan(name, context, above, kind), attributes) as span:
            yield span

    @contextmanager
    def span(self, name: str, *, kind: SpanKind = SpanKind.INTERNAL, **attributes: object) -> Iterator[None]:
        current = _CURRENT.get()
        if current is None:
            yield
            return
        with self._open(RecordedSpan(name, current.child(), current, kind), attributes):
            yield

    def record(
        self,
        name: str,
        duration: float,  # noqa: ARG002 -- spans in memory have no times
        *,
        error: BaseException | None = None,
        kind: SpanKind = SpanKind.CLIENT,
        **attributes: object,
    ) -> None:
        if (current := _CURRENT.get()) is not None:
            span = RecordedSpan(name, current.child(), current, kind, error=error)
            span.set(**attributes)
            self._keep(span)

    @contextmanager
    def iteration(self, name: str) -> Iterator[None]:
        links: list[TraceContext] = []
        token = _LINKS.set(links)
        root = RecordedSpan(name, TraceContext.begin(sampled=True), None, SpanKind.INTERNAL, links=links)
        try:
            yield
        except Exception as error:
            root.fail(error)
            raise
        finally:
            _LINKS.reset(token)
            if links or root.error:
                self._keep(root)

    def traceparent(self) -> str | None:
        current = _CURRENT.get()
        return current.traceparent if current else None

    @contextmanager
    def _open(self, span: RecordedSpan, attributes: dict[str, object]) -> Iterator[RecordedSpan]:
        span.set(**attributes)
        token = _CURRENT.set(span.context)
        ids = {"trace_id": span.context.trace_id, "span_id": span.context.span_id}
        try:
            with structlog.contextvars.bound_contextvars(**ids):
                yield span
        except Exception as error:
            span.fail(error)
            raise
        finally:
            _CURRENT.reset(token)
            self._keep(span)

    def _keep(self, span: RecordedSpan) -> None:
        if span.context.sampled:
            self.spans.append(span)


_CURRENT: ContextVar[TraceContext | None] = ContextVar("current span in memory", default=None)
_LINKS: ContextVar[list[TraceContext] | None] = ContextVar("links of an iteration in memory", default=None)
