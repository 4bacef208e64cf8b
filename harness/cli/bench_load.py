"""
How many requests the generator makes: our open scheduler, stock Locust, and wrk if it is here, on one server.

Each saturates the same small local server from one process with as many connections; what they reach is set
against stock Locust. The server shares the processors, so the ratios count, not the rates.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.cli.bench_figure import Figure

CONNECTIONS = 20
LENGTH_S = 5

_SERVER = """
import socket, uvicorn

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")).run([listener])
"""

_LOCUSTFILE = """
from locust import FastHttpUser, constant, task

class Visitor(FastHttpUser):
    wait_time = constant(0)

    @task
    def visit(self):
        self.client.get("/")
"""

_OURS = """
from gevent import monkey; monkey.patch_all()
import sys, time
from dataclasses import dataclass
from geventhttpclient import HTTPClient
from harness.lab.load.scheduler import OpenScheduler
from harness.lab.load.self_check import Probe

port, connections, length = map(int, sys.argv[1:])

@dataclass(frozen=True, slots=True)
class Arrival:
    at: float

began, done = time.perf_counter(), 0
clock = lambda: time.perf_counter() - began
client = HTTPClient("127.0.0.1", port, concurrency=connections)

def play(arrival, intended):
    global done
    response = client.get("/")
    response.read()
    done += response.status_code == 200

def flood():
    while clock() < length:
        yield Arrival(clock())
        while scheduler.in_flight >= connections and clock() < length:
            time.sleep(0)

scheduler = OpenScheduler(flood(), play, lambda arrival: None, clock,
                          max_in_flight=connections, ends_at=length + 2, probe=Probe())
scheduler.run()
print(done / clock())
"""


def figures() -> Iterator[Figure]:
    """Yield the figures of the generator."""
    with _server() as port:
        stock = _locust(port)
        yield Figure("stock Locust, FastHttpUser", stock, "requests/s", 1.0, "itself")
        ours = float(_said([sys.executable, "-c", _OURS, str(port), str(CONNECTIONS), str(LENGTH_S)]))
        yield Figure("our open scheduler", ours, "requests/s", ours / stock, "stock Locust")
        wrk = shutil.which("wrk")
        if wrk is None:
            yield Figure("wrk", None, "requests/s", note="wrk is not installed here")
            return
        told = _said([wrk, "-t1", f"-c{CONNECTIONS}", f"-d{LENGTH_S}s", f"http://127.0.0.1:{port}/"])
        match = re.search(r"Requests/sec:\s*([\d.]+)", told)
        rate = float(match[1]) if match else None
        yield Figure("wrk", rate, "requests/s", rate and rate / stock, "stock Locust")


@contextmanager
def _server() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None:
                raise AssertionError("its output is piped")
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def _locust(port: int) -> float:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "locustfile.py"
        path.write_text(_LOCUSTFILE, encoding="utf-8")
        told = _said(
            [
                *(sys.executable, "-m", "locust", "-f", str(path), "--headless", "--json", "--skip-log"),
                *("--users", str(CONNECTIONS), "--spawn-rate", str(CONNECTIONS)),
                *("--run-time", f"{LENGTH_S}s", "--host", f"http://127.0.0.1:{port}"),
            ]
        )
    (row,) = json.loads(told)
    return float(row["num_requests"]) / (float(row["last_request_timestamp"]) - float(row["start_time"]))


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
