"""
Every log record is one JSON line with the fields of its context.
"""

import io
import json
import logging

import pytest
import structlog

from harness.service.adapters.system import json_logs


@pytest.fixture
def json_lines():
    """Return the parsed log lines; afterwards the logging configuration is restored."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    json_logs.configure(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before
    structlog.contextvars.clear_contextvars()


class TestJsonLogs:
    def test_extra_fields_become_fields(self, json_lines):
        """
        The core logs with the standard library only.
        """
        logging.getLogger("core").info("service.media.use_case.event", extra={"listing_id": 42})

        [line] = json_lines()
        assert (line["event"], line["listing_id"], line["level"]) == (
            "service.media.use_case.event",
            42,
            "info",
        )
        assert line["timestamp"].endswith("Z")

    def test_the_context_is_added(self, json_lines):
        """
        Context fields are in every line of a request, and removed afterwards.
        """
        with structlog.contextvars.bound_contextvars(trace_id="t"):
            logging.getLogger("core").info("inside")
        logging.getLogger("core").info("outside")

        inside, outside = json_lines()
        assert inside["trace_id"] == "t"
        assert "trace_id" not in outside

    def test_an_exception_is_one_line(self, json_lines):
        """
        A log collector must not split a traceback.
        """
        try:
            raise ZeroDivisionError("defect")
        except ZeroDivisionError:
            logging.getLogger("core").exception("failed")

        [line] = json_lines()
        assert "ZeroDivisionError: defect" in line["exception"]

    def test_other_values_are_written_as_text(self, json_lines):
        """
        A value that JSON does not support must not cause an error.
        """
        logging.getLogger("core").info("odd", extra={"thing": object()})

        assert "object object" in json_lines()[0]["thing"]
