"""
The worker process prints the URL of its probes, and after SIGTERM it finishes the current message. The
process uses in-memory adapters; the receipt of a message waits for a line on stdin.
"""

import json
import signal
import subprocess
import sys

import httpx
import pytest

pytestmark = pytest.mark.slow

WORKER = """
import sys
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
from harness.service.app import Ports, Rules, assemble
from harness.service.settings import Settings
from harness.service.worker.__main__ import run


class SlowQueue(InMemoryJobQueue):
    def receive(self, **kwargs):
        received = super().receive(**kwargs)
        if received:
            print("in hand", flush=True)
            sys.stdin.readline()
        return received



clock, listings = ManualClock(), InMemoryListingRepository()
ports = Ports(
    media=InMemoryMediaRepository(listings),
    listings=listings,
    storage=InMemoryObjectStorage(),
    queue=SlowQueue(clock),
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
    dispatcher_threads=1,
)
ports.queue.send_raw("not a job message")
json_logs.configure()
service = assemble(ports, Rules(), CollectorRegistry(), close=lambda: print("closed", flush=True))
sys.exit(run(service, settings, host="127.0.0.1", port=0))
"""


@pytest.fixture
def worker_process():
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


class TestStop:
    def test_the_current_message_is_finished(self, worker_process):
        """
        After SIGTERM the message is processed, and the exit code is 0.
        """
        first_lines = {worker_process.stdout.readline().strip() for _ in range(2)}
        url = next(line for line in first_lines if line != "in hand")
        health = httpx.get(f"{url}/healthz").json()

        worker_process.send_signal(signal.SIGTERM)
        rest, logs = worker_process.communicate("now\n", timeout=30)

        assert "in hand" in first_lines
        assert set(health["loops"]) == {"dispatcher-1", "outbox", "dead-letters", "reconciler", "tagging"}
        assert worker_process.returncode == 0
        assert rest.strip() == "closed"
        events = [json.loads(line)["event"] for line in logs.splitlines()]
        assert events.index("service.worker.started") < events.index(
            "service.media.dispatch_jobs.left_in_queue"
        )
        assert events[-1] == "service.worker.stopped"
