"""The Lambda function that sends the signed callback."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.callback_signature import verify
from harness.service.core.ports.tracer import TraceContext
from harness.service.pipeline import callback_dispatch
from harness.service.pipeline.callback.callback_secret import callback_secret
from harness.service.pipeline.callback_dispatch import handler

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
EVENT = {
    "status": "PROCESSING_FAILED",
    "executionArn": "arn",
    "error": {"Error": "States.Timeout", "Cause": ""},
    "detail": {"jobId": 7, "batchId": "b", "listingId": 42, "traceparent": TRACEPARENT},
}


class Backend:
    """A server that answers with one status and records the requests."""

    def __init__(self):
        self.status = 200
        self.body = b"{}"
        self.received = []
        backend = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                backend.received.append((self.path, dict(self.headers), body))
                self.send_response(backend.status)
                self.send_header("Content-Length", str(len(backend.body)))
                self.end_headers()
                self.wfile.write(backend.body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/internal/media-processing/callback"


@pytest.fixture
def backend(monkeypatch):
    backend = Backend()
    thread = threading.Thread(target=backend.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("CALLBACK_URL", backend.url)
    monkeypatch.setattr(callback_dispatch, "callback_secret", lambda: "s3cret")
    yield backend
    backend.server.shutdown()
    backend.server.server_close()
    thread.join()


def test_a_callback_is_signed_and_traced(backend):
    """The signature covers the bytes sent; header and body have the trace."""
    result = handler(EVENT)

    path, headers, body = backend.received[0]
    assert result == {"status": "PROCESSING_FAILED", "httpStatus": 200}
    assert path == "/internal/media-processing/callback"
    verify("s3cret", body, headers["X-Toq-Signature"])
    assert headers["traceparent"].startswith(TRACEPARENT[:36])
    assert headers["traceparent"] != TRACEPARENT
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body)["traceparent"] == headers["traceparent"]
    assert json.loads(body)["jobId"] == 7


def test_without_a_trace_a_new_one_begins(backend):
    """An empty traceparent would not be valid."""
    handler(EVENT | {"detail": EVENT["detail"] | {"traceparent": None}})

    assert TraceContext.parse(backend.received[0][1]["traceparent"])


@pytest.mark.parametrize("status", [400, 404, 413])
def test_a_refused_callback_is_not_sent_again(backend, status):
    """The service itself refuses the content: it would refuse it again."""
    backend.status = status
    backend.body = json.dumps({"code": status, "message": "no", "details": None}).encode()

    with pytest.raises(Rejected, match=rf"^CALLBACK_REFUSED: .* answered {status}"):
        handler(EVENT)


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408, 302, 403, 404, 405])
def test_a_failing_backend_is_retried(backend, status):
    """
    An overload or an internal error may pass.

    So do the answers of something else in the place of the service, and 403 while the secret is rotated.
    """
    backend.status = status

    with pytest.raises(Retryable, match=rf"^CALLBACK_UNAVAILABLE: .* answered {status}"):
        handler(EVENT)


def test_a_backend_that_is_down_is_retried(backend, monkeypatch):
    """No server listens on port 1."""
    monkeypatch.setenv("CALLBACK_URL", "http://127.0.0.1:1/callback")

    with pytest.raises(Retryable, match=r"^CALLBACK_UNREACHABLE: "):
        handler(EVENT)


def test_a_backend_that_does_not_answer_is_retried(backend, monkeypatch):
    """The time-out, made short for the test, ends the wait."""
    backend.server.shutdown()
    monkeypatch.setattr(callback_dispatch._CLIENT, "timeout", 0.05)

    with pytest.raises(Retryable, match=r"^CALLBACK_UNREACHABLE: .*Timeout"):
        handler(EVENT)


def test_without_a_secret_nothing_is_sent(backend, monkeypatch):
    """A callback without a signature would be refused."""
    monkeypatch.setattr(callback_dispatch, "callback_secret", callback_secret)
    monkeypatch.delenv("CALLBACK_SECRET_ARN", raising=False)

    with pytest.raises(Rejected, match=r"^CONFIGURATION_MISSING: set CALLBACK_SECRET_ARN"):
        handler(EVENT)
    assert backend.received == []


def test_a_refused_signature_lets_the_secret_be_read_again(backend, monkeypatch):
    """It may have been rotated since the cold start."""
    forgotten = []
    monkeypatch.setattr(callback_dispatch, "forget_secret", lambda: forgotten.append(True))
    backend.status = 403

    with pytest.raises(Retryable, match=r"^CALLBACK_UNAVAILABLE: .* answered 403"):
        handler(EVENT)
    assert forgotten == [True]


def test_an_event_without_a_job_is_rejected(backend):
    """The callback would have no job."""
    with pytest.raises(Rejected, match=r"^INPUT_INVALID: .*jobId"):
        handler({"status": "SUCCEEDED", "executionArn": "arn", "detail": {}})


EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:listing-media-processing-sm:batch-{}-job-7"
BATCH = "0b0e7a34-5a52-4c8f-9f43-000000000001"
DIED = {
    "source": "aws.states",
    "detail-type": "Step Functions Execution Status Change",
    "detail": {
        "executionArn": EXECUTION.format(BATCH),
        "name": f"batch-{BATCH}-job-7",
        "status": "FAILED",
        "input": None,
        "error": "States.DataLimitExceeded",
        "cause": "The state returned a result with a size exceeding the maximum.",
    },
}


def test_an_execution_that_died_is_reported(backend, monkeypatch):
    """The event of its end becomes the callback that it could not send."""
    monkeypatch.setattr(callback_dispatch, "_finished_work", lambda _: None)

    result = handler(DIED)

    assert result == {"status": "FAILED", "httpStatus": 200}
    _, headers, body = backend.received[0]
    verify("s3cret", body, headers["X-Toq-Signature"])
    assert json.loads(body)["jobId"] == 7


def test_an_event_of_another_job_is_ignored(backend):
    """An operator may run the state machine by hand."""
    event = DIED | {"detail": DIED["detail"] | {"name": "by-hand"}}

    assert handler(event) == {"status": "IGNORED", "httpStatus": None}
    assert backend.received == []
