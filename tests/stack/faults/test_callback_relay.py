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
def relay(api):
    """Return a function that makes the relay of a scenario with some faults."""

    def make(*faults, seed=0):
        scenario = Scenario.model_validate(
            {
                "question": "What if?",
                "seed": seed,
                "duration_s": 100,
                "arrivals": [{"process": "paced", "stages": [{"hold_per_s": 1.0, "for_s": 100}]}],
                "flows": [{"name": "photo_shoot"}],
                "faults": faults,
            }
        )
        clock = RunClock()
        clock.begin(time.time())
        url = f"http://127.0.0.1:{api.server_port}/callback"
        return CallbackRelay(lambda *_: [b"other"], url, scenario, clock, 1.0)

    return make


def send(relay, content=b"content"):
    """Send a callback to a relay; return the status."""
    statuses = []
    environ = {"PATH_INFO": PATH, "CONTENT_LENGTH": str(len(content)), "wsgi.input": io.BytesIO(content)}
    environ["HTTP_X_TOQ_SIGNATURE"] = "abc"
    list(relay(environ, lambda status, _: statuses.append(status)))
    return statuses[0]


def wait_until(is_true):
    deadline = time.monotonic() + 30
    while not is_true() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_true()


@pytest.fixture
def post(relay, api):
    """Return a function that sends a callback under a fault: the status, and what reached the API."""

    def sent(*faults, waits_for=0):
        status = send(relay(*faults))
        wait_until(lambda: len(api.received) >= waits_for)
        return status, api.received

    return sent


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


def test_an_empty_one_has_the_signature_of_its_content(post):
    """
    The API must not take nothing for something.
    """
    assert post(fault("empty")) == ("200 OK", [(b"", "abc")])


def test_one_that_no_other_overtakes_arrives_in_the_end(post):
    """
    After the longest time that it waits.
    """
    assert post(fault("reorder", longest=0.01)) == ("200 OK", [(b"content", "abc")])


def test_a_reordered_one_arrives_after_the_next(relay, api):
    """
    Its sender waits for the answer meanwhile.
    """
    # Of the two first draws of this seed only the first is below the rate.
    made = relay(fault("reorder", longest="30 s", rate=0.5), seed=5)
    first = threading.Thread(target=send, args=(made, b"first"))
    first.start()
    wait_until(lambda: made.waiting)
    send(made, b"second")
    first.join()

    assert [body for body, _ in api.received] == [b"second", b"first"]


def test_a_late_one_arrives_after_its_sender_has_given_up(post):
    """
    It is passed on as it was.
    """
    assert post(fault("add-delay", delay=0.01), waits_for=1) == ("504 Gateway Timeout", [(b"content", "abc")])
