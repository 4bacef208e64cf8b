"""
Logs as JSON lines on stderr, with the ids of the current request or message.

All log records of the standard library (the core, uvicorn, boto3) have the same form: ``extra`` fields become
fields, and the fields of the context (``trace_id``, ``span_id``, ``request_id``) are added.
"""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor


def configure(*, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Write all logs of this process as JSON lines to *stream* (default: stderr)."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_colours,
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
    # Otherwise these libraries log every call.
    for library in ("botocore", "boto3", "urllib3"):
        logging.getLogger(library).setLevel(max(level, logging.WARNING))


def _without_colours(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Remove the copy of the message that uvicorn adds for terminals."""
    event.pop("color_message", None)
    return event
