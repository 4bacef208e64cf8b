"""
Telemetry of the requests: a span, one line in the access log, and HTTP metrics.

`Telemetry` is the outermost middleware, so it also answers after unexpected errors. The label of a path is
its route template: otherwise a scanner could create any number of labels.
"""

import logging
import time
import uuid
from dataclasses import dataclass, field
from http import HTTPMethod

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.service.adapters.prometheus.http_instruments import HttpInstruments
from harness.service.core.ports.tracer import Span, SpanKind, TraceContext, Tracer

CLIENT_LEFT = 499
"""Status in the log and the metrics if the client closed the connection before the response."""
UNMATCHED = "unmatched"
UNLOGGED_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Exchange:
    """One request and its response; *log_fields* are the fields that the endpoint adds to the access log."""

    method: str
    path: str
    span: Span
    request_id: str
    started_at: float = field(default_factory=time.perf_counter)
    status: int | None = None
    log_fields: dict[str, object] = field(default_factory=dict)


def exchange_of(request: Request) -> Exchange:
    """Return the exchange of a request."""
    exchange: Exchange = request.scope["state"]["exchange"]
    return exchange


def log_fields_of(request: Request) -> dict[str, object]:
    """Return the fields of the access log; the caller may add fields."""
    return exchange_of(request).log_fields


class Telemetry:
    """The ASGI middleware."""

    def __init__(self, app: ASGIApp, instruments: HttpInstruments, tracer: Tracer) -> None:
        self.app = app
        self.instruments = instruments
        self.tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with self.tracer.hop(scope["method"], parent=_parent(scope), kind=SpanKind.SERVER) as span:
            await self._serve(_begin(scope, span), scope, receive, send)

    async def _serve(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["traceparent"] = exchange.span.traceparent
                headers["x-request-id"] = exchange.request_id
            await send(message)

        bound = structlog.contextvars.bound_contextvars(request_id=exchange.request_id)
        with bound, self.instruments.in_progress.track_inprogress():
            try:
                await self.app(scope, receive, send_traced)
            except Exception as error:
                exchange.span.fail(error)
                log.exception("service.api.unexpected")
                if exchange.status is not None:
                    raise
                await _INTERNAL_ERROR(scope, receive, send_traced)
            finally:
                self._finish(exchange, str(getattr(scope.get("route"), "path", UNMATCHED)))

    def _finish(self, exchange: Exchange, template: str) -> None:
        duration = time.perf_counter() - exchange.started_at
        status = exchange.status or CLIENT_LEFT
        self.instruments.served(exchange.method, template, status, duration)
        _describe(exchange, template, status)
        if template in UNLOGGED_ROUTES and status < 400:
            return
        fields = {
            "method": exchange.method,
            "path": exchange.path,
            "route": template,
            "status": status,
            "duration_s": round(duration, 6),
        }
        log.log(_level(status), "http.request", extra=fields | exchange.log_fields)


_INTERNAL_ERROR = JSONResponse(
    {"code": 500, "message": "Internal error of the service.", "details": None}, status_code=500
)


def _parent(scope: Scope) -> str | None:
    """Return the ``traceparent`` of the request; probes begin no trace that is recorded."""
    headers = Headers(scope=scope).getlist("traceparent")
    if len(headers) == 1:
        return headers[0]
    return TraceContext.begin(sampled=False).traceparent if scope["path"] in UNLOGGED_ROUTES else None


def _describe(exchange: Exchange, template: str, status: int) -> None:
    """Name the span as OpenTelemetry says: method and route; only an error of the server is an error."""
    span, fields = exchange.span, exchange.log_fields
    span.rename(f"{exchange.method} {template}")
    span.set(**{"http.request.method": exchange.method, "http.route": template})
    span.set(**{"http.response.status_code": status, "reason": fields.get("reason")})
    span.set(**{name: fields.get(name) for name in ("listing_id", "batch_id", "job_id")})
    if status >= 500:
        span.fail(f"HTTP {status} {fields.get('reason', '')}".rstrip())


def _begin(scope: Scope, span: Span) -> Exchange:
    method = scope["method"]
    exchange = Exchange(
        method=method if method in HTTPMethod.__members__ else "OTHER",
        path=scope["path"],
        span=span,
        request_id=str(uuid.uuid4()),
    )
    scope.setdefault("state", {})["exchange"] = exchange
    return exchange


def _level(status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.WARNING if status in (423, 429) else logging.INFO
