"""The decorator of the Lambda handlers: they log and raise only ``Retryable`` or ``Rejected``."""

import functools
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from harness.service.core.errors import Rejected, Retryable

Event = dict[str, Any]
Handler = Callable[[Event, object], Event]


def lambda_handler(step: str) -> Callable[[Handler], Handler]:
    """
    Return a decorator that logs a handler's invocations as ``service.media.<step>.<event>``.

    Any other error is a defect. It is logged with its traceback and raised as ``Rejected``, because the same
    code would fail again with the same input.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def invoke(event: Event, context: object = None) -> Event:
            if not isinstance(event, dict) or not isinstance(event.get("detail", {}), dict):
                raise Rejected(f"INPUT_INVALID: the input of {step} must be an object")
            log = _logger().bind(**log_fields(event))
            started_at = time.perf_counter()
            log.info(f"service.media.{step}.started")
            try:
                result = handler(event, context)
            except (Retryable, Rejected) as failure:
                log.warning(f"service.media.{step}.{type(failure).__name__.lower()}", error=str(failure))
                raise
            except Exception as defect:
                log.exception(f"service.media.{step}.defect")
                # Clients see the text: it must not have paths or objects of this process.
                raise Rejected(f"INTERNAL_ERROR: {step}: {type(defect).__name__}; see the log") from defect
            log.info(f"service.media.{step}.succeeded", duration_s=round(time.perf_counter() - started_at, 3))
            return result

        return invoke

    return decorate


def required(name: str, purpose: str) -> str:
    """Return an environment variable; if it is missing, raise `Rejected` with its *purpose*."""
    value = os.environ.get(name, "")
    if not value:
        raise Rejected(f"CONFIGURATION_MISSING: set {name}: {purpose}")
    return value


def log_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ids for the log, from the state of an execution or the detail of a callback event."""
    state = event.get("detail", event)
    traceparent = str(state.get("traceparent") or "")
    return {
        "listing_id": state.get("listingId"),
        "batch_id": state.get("batchId"),
        "job_id": state.get("jobId"),
        "trace_id": traceparent.split("-")[1] if traceparent.count("-") == 3 else None,
    }


def _logger() -> Any:
    return structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
    )
