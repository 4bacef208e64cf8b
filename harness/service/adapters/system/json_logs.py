"""
Logs as JSON lines on stderr, with what is known of the request or message at hand.

Everything that logs through the standard library (the core, uvicorn, boto3) comes out the same way:
``extra`` fields become fields, and fields bound to the context (``trace_id``, ``request_id``) are added.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor


def configure(*, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """
    Send all logs of this process as JSON lines to *stream* (stderr).
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        _trace_id,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line per vendor call is theirs to want, not ours.
    for noisy in ("botocore", "boto3", "urllib3"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))


def _without_colours(_logger: object, _method: str, event: EventDict) -> EventDict:
    """uvicorn says everything twice, once for terminals."""
    event.pop("color_message", None)
    return event


def _trace_id(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Who knows only a ``traceparent`` is found by ``trace_id`` all the same."""
    parts = str(event.get("traceparent", "")).split("-")
    if len(parts) >= 4:
        event.setdefault("trace_id", parts[1])
    return event
