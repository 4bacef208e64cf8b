"""
Whatever is logged comes out as one JSON line, with what is known of its context.
"""

import io
import json
import logging

import pytest
import structlog

from harness.service.adapters.system import json_logs


@pytest.fixture
def json_lines():
    """Everything logged so far, parsed; afterwards logging is as it was."""
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
        The core logs through the standard library and knows nothing of JSON.
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
        What is bound around a request is in every line written during it, and gone after it.
        """
        with structlog.contextvars.bound_contextvars(trace_id="t"):
            logging.getLogger("core").info("inside")
        logging.getLogger("core").info("outside")

        inside, outside = json_lines()
        assert inside["trace_id"] == "t"
        assert "trace_id" not in outside

    def test_a_traceparent_gives_the_trace(self, json_lines):
        """
        The worker knows a message's traceparent; the line is found by its trace.
        """
        traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

        logging.getLogger("core").info("sent", extra={"traceparent": traceparent})
        logging.getLogger("core").info("sent", extra={"traceparent": None})

        with_trace, without = json_lines()
        assert with_trace["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
        assert "trace_id" not in without

    def test_an_exception_is_one_line(self, json_lines):
        """
        A traceback must not be torn apart by whoever collects lines.
        """
        try:
            raise ZeroDivisionError("defect")
        except ZeroDivisionError:
            logging.getLogger("core").exception("failed")

        [line] = json_lines()
        assert "ZeroDivisionError: defect" in line["exception"]

    def test_values_json_does_not_know_are_written_all_the_same(self, json_lines):
        """
        A log line must not fail for what is in it.
        """
        logging.getLogger("core").info("odd", extra={"thing": object()})

        assert "object object" in json_lines()[0]["thing"]
