"""
The processes of a stack, started, watched and stopped together.
"""

import pytest

from harness.stack.processes import health
from harness.stack.processes.health import NotReady
from harness.stack.processes.ports import free_port
from harness.stack.stack_parts import StackPart, StackParts

NOT_SERVED = "http://127.0.0.1:9/healthz"
NEVER_READY = """
import http.server, json

class Down(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503)
        self.end_headers()
        self.wfile.write(json.dumps({{"details": {{"down": {{"storage": "check the clock"}}}}}}).encode())

http.server.HTTPServer(("127.0.0.1", {port}), Down).serve_forever()
"""


@pytest.fixture
def parts(tmp_path):
    started = StackParts(tmp_path)
    yield started
    started.stop()


def part(name: str, script: str, ready_url: str = NOT_SERVED) -> StackPart:
    return StackPart(name, ["-c", script], {}, ready_url)


class TestStackParts:
    def test_a_part_that_ended_is_reported_with_its_log(self, parts):
        """
        The report has the name of the part, its exit code and the end of its log.
        """
        parts.start(part("sleeper", "import time; time.sleep(600)"))
        assert parts.exit_report() is None
        parts.start(part("worker", "import sys; sys.exit('no queue')"))

        while (report := parts.exit_report()) is None:
            pass

        assert report.startswith("The worker process ended by itself with exit code 1; the stack stops.")
        assert report.endswith("no queue")

    def test_a_part_that_ends_before_it_is_ready_is_an_error(self, parts):
        """
        The error does not wait for the time-out.
        """
        parts.start(part("api", "import sys; sys.exit('no database')"))

        with pytest.raises(NotReady, match=r"(?s)The api process did not start: exit code 1\..*no database"):
            parts.wait_until_ready()

    def test_a_part_that_is_never_ready_is_an_error_with_the_reason(self, parts, monkeypatch):
        """
        The service says which of its dependencies is down, and why.
        """
        monkeypatch.setattr(health, "READY_TIMEOUT_S", 3.0)
        port = free_port()
        parts.start(part("api", NEVER_READY.format(port=port), f"http://127.0.0.1:{port}/readyz"))

        with pytest.raises(
            NotReady, match=r"The api process was not ready after 3 s: .* 503: check the clock"
        ):
            parts.wait_until_ready()
