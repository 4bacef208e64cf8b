"""
Telemetry of requests: traces, logs and metrics.
"""

import io
import json
import logging

import pytest
import structlog

from harness.service.adapters.system import json_logs
from harness.service.api.media_routes import PREFIX
from harness.service.core.errors import NotPhotographer

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


@pytest.fixture
def log_lines():
    """Return the JSON logs of the process; afterwards the logging configuration is restored."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    json_logs.configure(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before
    structlog.contextvars.clear_contextvars()


def _line(lines, event):
    return next(line for line in lines if line["event"] == event)


class TestPropagation:
    def test_the_answer_carries_the_trace(self, env, make):
        """
        The response has the trace of the client.
        """
        response = env.post("/uploads", make.uploads(), headers={"traceparent": TRACEPARENT})

        assert response.headers["traceparent"].startswith(f"00-{TRACE_ID}-")

    def test_the_job_message_carries_the_trace(self, env):
        """
        The pipeline belongs to the trace of the request.
        """
        created = env.create()
        env.upload(created)
        response = env.post(
            "/uploads/complete", env.completion(created), headers={"traceparent": TRACEPARENT}
        )

        [entry] = env.media.list_outbox()
        assert entry.message.traceparent == response.headers["traceparent"]
        assert entry.message.traceparent != TRACEPARENT

    def test_a_refused_request_has_a_trace_too(self, env):
        """
        Traces are most useful for errors.
        """
        assert env.client.get("/nowhere").headers["traceparent"].startswith("00-")

    def test_two_headers_begin_a_new_trace(self, env, make):
        """
        Nothing says which of them is the parent.
        """
        headers = [("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)]

        response = env.client.get("/nowhere", headers=headers)

        assert TRACE_ID not in response.headers["traceparent"]


class TestSpans:
    def test_a_request_is_one_tree(self, env, make):
        """
        The request is the parent of its use case; both have names without ids.
        """
        response = env.post("/uploads", make.uploads(), headers={"traceparent": TRACEPARENT})

        use_case, request = env.tracer.spans
        assert (use_case.name, request.name) == ("create_upload_batch", f"POST {PREFIX}/uploads")
        assert use_case.parent == request.context
        assert request.parent.traceparent == TRACEPARENT
        assert request.attributes["batch_id"] == response.json()["batchId"]
        assert request.attributes["http.response.status_code"] == 201

    def test_a_refusal_fails_the_use_case_only(self, env, make):
        """
        The server has done its work; the refusal is the error of the caller.
        """
        env.post("/uploads", make.uploads(), 4)

        use_case, request = env.tracer.spans
        assert isinstance(use_case.error, NotPhotographer)
        assert request.error is None
        assert request.attributes["reason"] == "NOT_PHOTOGRAPHER"

    def test_an_error_of_the_server_fails_the_request(self, env, make):
        """
        5xx are errors of the span.
        """
        env.media.available = False

        env.post("/uploads", make.uploads())

        assert env.tracer.spans[-1].error == "HTTP 503 UNAVAILABLE"

    def test_probes_are_not_recorded(self, env):
        """
        Probes are frequent.
        """
        env.client.get("/healthz")
        env.client.get("/metrics")

        assert env.tracer.spans == []


class TestAccessLog:
    def test_one_line_says_what_happened(self, env, make, log_lines):
        """
        Ids, trace, method, path, status and duration, as JSON.
        """
        created = env.create()
        env.upload(created)
        env.post("/uploads/complete", env.completion(created), headers={"traceparent": TRACEPARENT})

        line = [each for each in log_lines() if each["event"] == "http.request"][-1]

        assert line["level"] == "info"
        assert line["trace_id"] == TRACE_ID
        assert len(line["span_id"]) == 16
        assert len(line["request_id"]) == 36
        assert (line["method"], line["path"]) == ("POST", "/api/v2/listings/media/uploads/complete")
        assert (line["status"], line["user_id"]) == (202, 1)
        assert (line["listing_id"], line["batch_id"], line["job_id"]) == (42, created["batchId"], 1)
        assert line["duration_s"] >= 0

    def test_the_cores_own_lines_carry_the_trace(self, env, make, log_lines):
        """
        The log lines of the use cases have the trace id, although the core does not know it.
        """
        env.post("/uploads", make.uploads(), headers={"traceparent": TRACEPARENT})

        line = _line(log_lines(), "service.media.create_upload_batch.created")

        assert (line["trace_id"], line["listing_id"]) == (TRACE_ID, 42)

    def test_a_refusal_says_why(self, env, make, log_lines):
        """
        The line has the reason.
        """
        env.post("/uploads", make.uploads(), 4)

        line = _line(log_lines(), "http.request")

        assert (line["level"], line["status"], line["reason"]) == ("info", 403, "NOT_PHOTOGRAPHER")

    def test_what_is_down_is_an_error(self, env, make, log_lines):
        """
        5xx are errors.
        """
        env.media.available = False

        env.post("/uploads", make.uploads())

        line = _line(log_lines(), "http.request")
        assert (line["level"], line["status"], line["reason"]) == ("error", 503, "UNAVAILABLE")

    def test_a_defect_is_logged_with_its_traceback(self, env, make, log_lines):
        """
        The log has the error that the response does not contain, with the same trace.
        """
        env.listings.get_privileges = lambda user_id: 1 / 0

        env.post("/uploads", make.uploads(), headers={"traceparent": TRACEPARENT})

        line = _line(log_lines(), "service.api.unexpected")
        assert line["trace_id"] == TRACE_ID
        assert "ZeroDivisionError" in line["exception"]

    def test_no_token_and_no_signature_is_logged(self, env, make, log_lines):
        """
        Logs must not contain secrets.
        """
        env.post("/uploads", make.uploads())
        env.callback({"jobId": 1, "status": "FAILED"})

        text = json.dumps(log_lines())

        assert "eyJ" not in text
        assert "Signature:" not in text

    def test_successful_probes_are_not_logged(self, env, log_lines):
        """
        Probes are frequent.
        """
        env.client.get("/healthz")
        env.client.get("/metrics")

        assert [line for line in log_lines() if line["event"] == "http.request"] == []


class TestInstruments:
    def test_requests_are_counted_by_route(self, env, make):
        """
        By method, route and status; the durations by method and route.
        """
        env.post("/uploads", make.uploads())

        text = env.client.get("/metrics").text
        labels = 'method="POST",route="/api/v2/listings/media/uploads"'
        assert f'http_requests_total{{{labels},status="201"}} 1.0' in text
        assert f"http_request_duration_seconds_count{{{labels}}} 1.0" in text

    def test_unknown_paths_share_one_label(self, env):
        """
        A scanner must not create new labels.
        """
        for number in range(3):
            env.client.get(f"/secret/{number}")
        env.client.request("BREW", "/coffee")

        text = env.client.get("/metrics").text
        assert 'http_requests_total{method="GET",route="unmatched",status="404"} 3.0' in text
        assert 'http_requests_total{method="OTHER",route="unmatched",status="404"} 1.0' in text
        assert "secret" not in text


@pytest.mark.parametrize("path", ["/api/v2/listings/media/uploads", "/internal/media-processing/callback"])
def test_a_client_that_leaves_is_one_line_without_a_traceback(env, make, log_lines, path):
    """
    The client closes the connection in the middle of its body: status 499, level info, no error.
    """
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {make.token(1)}".encode()),
            (b"content-type", b"application/json"),
            (b"content-length", b"100"),
        ],
    }
    parts = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return parts.pop(0)

    async def send(_message):
        pass

    env.client.portal.call(env.client.app, scope, receive, send)

    (line,) = log_lines()
    assert (line["event"], line["status"], line["level"]) == ("http.request", 499, "info")
    assert (env.instruments.counts, env.instruments.unsigned) == ({}, 0)
