"""
The relay of callbacks: what reaches the API, and what the sender is told.
"""

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.lab.workload.scenario import Scenario
from harness.stack.faults.callback_relay import PATH, CallbackRelay
from harness.stack.modelled.run_clock import RunClock


@pytest.fixture
def api():
    """An HTTP server that accepts every callback, with what it has received."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.received.append((body, self.headers["X-Toq-Signature"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.received = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def post(api):
    """Return a function that sends a callback under a fault: the status, and what reached the API."""

    def send(*faults, waits_for=0):
        scenario = Scenario.model_validate(
            {
                "question": "What if?",
                "duration_s": 100,
                "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 100}]}],
                "flows": [{"name": "photo_shoot"}],
                "faults": faults,
            }
        )
        clock = RunClock()
        clock.begin(time.time())
        relay = CallbackRelay(
            lambda *_: [b"other"], f"http://127.0.0.1:{api.server_port}/callback", scenario, clock, 1.0
        )
        statuses = []
        environ = {"PATH_INFO": PATH, "CONTENT_LENGTH": "7", "wsgi.input": io.BytesIO(b"content")}
        environ["HTTP_X_TOQ_SIGNATURE"] = "abc"
        list(relay(environ, lambda status, _: statuses.append(status)))
        deadline = time.monotonic() + 30
        while len(api.received) < waits_for and time.monotonic() < deadline:
            time.sleep(0.01)
        return statuses[0], api.received

    return send


def fault(name, **keys):
    return {"action": f"harness:callback:{name}", **keys}


def test_without_a_strike_it_is_passed_on_as_it_is(post):
    """
    With its bytes and its signature.
    """
    assert post(fault("lose", rate=0.0)) == ("200 OK", [(b"content", "abc")])


def test_a_lost_one_reaches_nobody(post):
    """
    The sender is told that there was no answer.
    """
    assert post(fault("lose")) == ("504 Gateway Timeout", [])


def test_a_duplicate_arrives_twice(post):
    """
    The sender is told of the second one.
    """
    assert post(fault("duplicate")) == ("200 OK", [(b"content", "abc")] * 2)


def test_a_tampered_one_has_another_signature(post):
    """
    The content is the same.
    """
    assert post(fault("tamper")) == ("200 OK", [(b"content", "cba")])


def test_a_late_one_arrives_after_its_sender_has_given_up(post):
    """
    It is passed on as it was.
    """
    assert post(fault("add-delay", delay=0.01), waits_for=1) == ("504 Gateway Timeout", [(b"content", "abc")])
