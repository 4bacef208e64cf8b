"""
The API process prints its URL, and after SIGTERM it finishes its requests. The process uses in-memory
adapters; its bucket waits for a line on stdin.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import httpx
import pytest

pytestmark = pytest.mark.slow

SERVER = """
import sys
import uvicorn
from prometheus_client import CollectorRegistry
from harness.service.adapters.memory.clock import ManualClock
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.adapters.memory.job_queue import InMemoryJobQueue
from harness.service.adapters.memory.listing_repository import InMemoryListingRepository
from harness.service.adapters.memory.media_repository import InMemoryMediaRepository
from harness.service.adapters.memory.object_storage import InMemoryObjectStorage
from harness.service.adapters.memory.tracer import InMemoryTracer
from harness.service.adapters.memory.workflow import InMemoryWorkflow
from harness.service.adapters.system import json_logs
from harness.service.api.__main__ import run
from harness.service.api.server import serve
from harness.service.app import Ports, Rules, assemble
from harness.service.settings import Settings


class SlowStorage(InMemoryObjectStorage):
    def ping(self):
        print("in flight", flush=True)
        sys.stdin.readline()


clock, listings = ManualClock(), InMemoryListingRepository()
ports = Ports(
    media=InMemoryMediaRepository(listings),
    listings=listings,
    storage=SlowStorage(),
    queue=InMemoryJobQueue(clock),
    workflow=InMemoryWorkflow(),
    clock=clock,
    instruments=InMemoryInstruments(), tracer=InMemoryTracer(),
)
settings = Settings(
    database_url="mysql+pymysql://user@host.invalid/db",
    jwt_key="k" * 32,
    queue_url="q",
    dead_letter_queue_url="d",
    state_machine_arn="s",
)
json_logs.configure()
service = assemble(ports, Rules(), CollectorRegistry(), close=lambda: print("closed", flush=True))
listen = {"uds": sys.argv[1]} if len(sys.argv) > 1 else {"host": "127.0.0.1", "port": 0}
sys.exit(run(uvicorn.Config(serve(service, settings), log_config=None, access_log=False, **listen)))
"""


@contextmanager
def _server(*arguments):
    """Start a server process and yield it with its URL; stop it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


class TestStop:
    def test_a_request_in_flight_is_finished(self):
        """
        After SIGTERM a request in progress is answered, new ones are refused, and the exit code is 0.
        """
        answers = []
        with _server() as (process, url):
            asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/readyz", timeout=30)))
            asking.start()
            in_flight = process.stdout.readline().strip()

            process.send_signal(signal.SIGTERM)
            _wait_until_refused(url)
            process.stdin.write("now\n")
            process.stdin.flush()
            asking.join(30)
            rest, logs = process.communicate(timeout=30)

        assert in_flight == "in flight"
        assert [answer.status_code for answer in answers] == [200]
        assert process.returncode == 0
        assert rest.strip() == "closed"
        assert all(json.loads(line)["level"] for line in logs.splitlines())

    def test_a_unix_socket_is_served_and_removed(self, tmp_path):
        """
        A path instead of a port, for clients on the same machine.
        """
        path = tmp_path / "api.sock"
        with _server(str(path)) as (process, url):
            with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
                alive = client.get("http://api/healthz")
            process.send_signal(signal.SIGINT)
            process.wait(30)

        assert url == f"unix:{path}"
        assert alive.status_code == 200
        assert process.returncode == 0
        assert not path.exists()


class TestStart:
    def test_missing_settings_are_one_clear_message(self):
        """
        The exit code is 2, and the message names each variable, without a traceback.
        """
        bare = {name: value for name, value in os.environ.items() if not name.startswith("MEDIA_")}

        done = subprocess.run(
            [sys.executable, "-m", "harness.service.api", "--port", "0"],
            env=bare,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

        assert done.returncode == 2
        assert "MEDIA_DATABASE_URL is not set" in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_port_in_use_is_one_clear_message(self):
        """
        The second server on a port ends with an error message.
        """
        with _server() as (_, url):
            port = url.rpartition(":")[2]
            second = SERVER.replace('"port": 0', f'"port": {port}')

            done = subprocess.run(
                [sys.executable, "-c", second], capture_output=True, text=True, timeout=60, check=False
            )

        assert done.returncode != 0
        assert "address already in use" in done.stderr.lower()
        assert "Traceback" not in done.stderr


def _wait_until_refused(url: str) -> None:
    """Wait until the server accepts no connection: then it has received the signal."""
    for _ in range(1000):
        try:
            httpx.get(f"{url}/healthz", timeout=1)
        except httpx.TransportError:
            return
    pytest.fail("the server went on taking connections after SIGTERM")
