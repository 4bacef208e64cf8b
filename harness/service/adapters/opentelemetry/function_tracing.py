"""The spans of the Lambda functions: one for each invocation, and within it one for each call to AWS."""

import functools
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from harness.service.adapters.opentelemetry.exporting import TracingInvalid, tracer_of_environment
from harness.service.adapters.opentelemetry.tracer import OpenTelemetryTracer
from harness.service.core.ports.tracer import SpanKind, Tracer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

P = ParamSpec("P")
Result = TypeVar("Result")

IN_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME"
"""Variable of Lambda's environment: the process may be frozen or killed after an invocation."""

log = logging.getLogger(__name__)


@contextmanager
def invocation(function: str, traceparent: str | None, **attributes: object) -> Iterator[None]:
    """Open the span of one invocation below the span of the execution's input; export it at the end."""
    tracer = _tracer(f"listing-media-{function.replace('_', '-')}")
    token = _CURRENT.set(tracer)
    try:
        with tracer.hop(function, parent=traceparent, kind=SpanKind.CONSUMER, **attributes):
            yield
    finally:
        _CURRENT.reset(token)
        if IN_LAMBDA in os.environ:
            tracer.flush()


def current_tracer() -> Tracer:
    """Return the tracer of the current invocation; outside of one it records nothing."""
    return _CURRENT.get() or OpenTelemetryTracer()


def in_current_span(call: Callable[P, Result]) -> Callable[P, Result]:
    """Return *call* for other threads, where its spans belong to the span that is open now."""
    context = copy_context()

    def carried(*args: P.args, **options: P.kwargs) -> Result:
        # A context can be entered by one thread at a time.
        return context.copy().run(call, *args, **options)

    return carried


def traced_calls(client: "S3Client") -> "S3Client":
    """Return *client*; from now on it records every call, up to the head of the response."""
    events = client.meta.events
    events.register("before-call.s3", _call_began)
    events.register("after-call.s3", _call_ended)
    events.register("after-call-error.s3", _call_failed)
    return client


_STARTED = "harness_started"
_CURRENT: ContextVar[OpenTelemetryTracer | None] = ContextVar("tracer of the invocation", default=None)


@functools.cache
def _tracer(service: str) -> OpenTelemetryTracer:
    try:
        return tracer_of_environment(service, at_once=IN_LAMBDA in os.environ)
    except TracingInvalid as error:
        # Media must not be refused because of its traces.
        log.error("service.media.untraced: %s", error)  # noqa: TRY400 -- the message says it all
        return OpenTelemetryTracer()


def _call_began(context: dict[str, Any], **_: object) -> None:
    context[_STARTED] = time.perf_counter()


def _call_ended(model: Any, context: dict[str, Any], parsed: dict[str, Any], **_: object) -> None:
    code = parsed.get("Error", {}).get("Code")
    error = RuntimeError(f"S3 answered {code}") if code else None
    _record(model.name, context, error)


def _call_failed(event_name: str, context: dict[str, Any], exception: Exception, **_: object) -> None:
    _record(event_name.rsplit(".", 1)[-1], context, exception)


def _record(operation: str, context: dict[str, Any], error: Exception | None) -> None:
    started = context.get(_STARTED, time.perf_counter())
    current_tracer().record(f"S3 {operation}", time.perf_counter() - started, error=error)
