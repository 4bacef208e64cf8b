"""The decorator of the Lambda handlers: traces, logs, and the errors ``Retryable`` and ``Rejected`` only."""

import errno
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from harness.service.adapters.opentelemetry.function_tracing import IN_LAMBDA, invocation
from harness.service.core.errors import Rejected, Retryable

FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The errors of a write to a disk, quota or file that is full."""

Event = dict[str, Any]
Handler = Callable[[Event, object], Event]


def lambda_handler(step: str, *, prepare: Callable[[], object] | None = None) -> Callable[[Handler], Handler]:
    """
    Return a decorator that traces a handler's invocations, and logs them as ``service.media.<step>.<event>``.

    *prepare* creates what all invocations of a sandbox share, such as AWS clients. In Lambda it is called in
    the init phase, so that the first invocation takes no longer than the others.

    A full disk is ``Retryable``: the next sandbox has another one. Any other error is a defect. It is logged
    with its traceback and raised as ``Rejected``, because the same code would fail again with the same input.
    """

    if prepare is not None and IN_LAMBDA in os.environ:
        with suppress(Exception):  # an invocation meets the same error and reports it
            prepare()

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def invoke(event: Event, context: object = None) -> Event:
            if not isinstance(event, dict) or not isinstance(event.get("detail", {}), dict):
                raise Rejected(f"INPUT_INVALID: the input of {step} must be an object")
            ids = log_fields(event)
            with invocation(step, traceparent_of(event), **ids):
                return _logged(step, ids, lambda: handler(event, context))

        return invoke

    return decorate


def _logged(step: str, ids: Mapping[str, Any], handle: Callable[[], Event]) -> Event:
    log = _logger().bind(**ids)
    started_at = time.perf_counter()
    log.info(f"service.media.{step}.started")
    try:
        result = handle()
    except (Retryable, Rejected) as failure:
        log.warning(f"service.media.{step}.{type(failure).__name__.lower()}", error=str(failure))
        raise
    except OSError as error:
        if error.errno not in FULL_DISK:
            raise _defect(log, step, error) from error
        log.warning(f"service.media.{step}.disk_full", error=str(error))
        raise Retryable(f"DISK_FULL: {step}: the working directory of the function is full") from error
    except Exception as defect:
        raise _defect(log, step, defect) from defect
    log.info(f"service.media.{step}.succeeded", duration_s=round(time.perf_counter() - started_at, 3))
    return result


def _defect(log: Any, step: str, error: Exception) -> Rejected:
    """Log a defect with its traceback, and return what the state machine gets."""
    log.exception(f"service.media.{step}.defect")
    # Clients see the text: it must not have paths or objects of this process.
    return Rejected(f"INTERNAL_ERROR: {step}: {type(error).__name__}; see the log")


def required(name: str, purpose: str) -> str:
    """Return an environment variable; if it is missing, raise `Rejected` with its *purpose*."""
    value = os.environ.get(name, "")
    if not value:
        raise Rejected(f"CONFIGURATION_MISSING: set {name}: {purpose}")
    return value


def log_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ids for the log and the span of an invocation."""
    state = _state_of(event)
    return {
        "listing_id": state.get("listingId"),
        "batch_id": state.get("batchId"),
        "job_id": state.get("jobId"),
    }


def traceparent_of(event: Mapping[str, Any]) -> str | None:
    """Return the span that started the execution."""
    found = _state_of(event).get("traceparent")
    return found if isinstance(found, str) else None


def _state_of(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Return the part of an input that has the ids of the service: the state of the execution.

    An event of a transcoding job has them in its metadata, because its own ``jobId`` is MediaConvert's; an
    event of an execution has them in the execution's input.
    """
    detail = event.get("detail", event)
    for carrier in (detail.get("userMetadata"), _json_object(detail.get("input"))):
        if isinstance(carrier, dict):
            return carrier
    return detail  # type: ignore[no-any-return]  # an object: the decorator has checked it


def _json_object(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _logger() -> Any:
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
