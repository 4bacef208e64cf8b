"""
How honest and how fast the open scheduler is, beside stock Locust on the same server.

Each measurement is a process of its own against a local server that answers at once, or stalls. The
server shares the processors. Times in seconds, rates per second.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.lab.results.percentile import nearest_rank

STOCK_USERS = 10

_LOCUSTFILE = """
from locust import FastHttpUser, constant, constant_throughput, task

class Visitor(FastHttpUser):
    wait_time = {wait_time}

    @task
    def visit(self):
        self.client.get("/")
"""


_WRK = {
    "rate": re.compile(r"Requests/sec:\s*([\d.]+)"),
    "done": re.compile(r"(\d+) requests in"),
    "p50": re.compile(r"50%\s+([\d.]+[mus]+)"),
    "p99": re.compile(r"99%\s+([\d.]+[mus]+)"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """
    What one generator did and said.

    Attributes:
        offered: Requests the schedule asked for [count]; None for one that has no schedule.
        rate: Requests done in a second of the measurement.
        p50, p95, p99: What it reports of the server; None what it does not report.
        lag_p99: How late it took up arrivals; None where there is no schedule.
        cpu_s: What a request cost its process [s of CPU]; None where nobody measured.
    """

    name: str
    offered: int | None
    done: int
    rate: float
    p50: float | None
    p95: float | None
    p99: float | None
    lag_p99: float | None = None
    cpu_s: float | None = None


def measure_stall(
    *, rate: float = 500.0, seconds: float = 30.0, stall: float = 1.0, period: float = 10.0
) -> list[Row]:
    """
    Measure a server that stands still for *stall* in every *period*, with and without a schedule.

    The truth is `stalled`. What is measured is longer by the time it takes to answer, and to hear, those
    who came in the stall: by half of that at p95.

    Args:
        seconds: How long; a multiple of *period*, for as many arrivals to wait as should.

    Returns:
        Ours from the intended start, ours from the actual start, stock Locust's.
    """
    with _server("--stall", str(stall), "--period", str(period)) as port:
        ours = _ours(port, rate, seconds, connections=ceil(2 * rate * stall))
    with _server("--stall", str(stall), "--period", str(period)) as port:
        stock = _stock(port, seconds, f"constant_throughput({rate / STOCK_USERS})")
    return [
        _row("open scheduler, from the intended start", ours, "response_time_s", seconds),
        _row("open scheduler, from the actual start", ours, "latency_s", seconds),
        stock,
    ]


def measure_rate(*, rate: float = 5_000.0, seconds: float = 10.0) -> list[Row]:
    """
    Measure how late the schedule is kept at *rate*, and what others reach with all they have.

    Returns:
        Ours, with its schedule lag; stock Locust's; wrk's, if it is installed.
    """
    with _server() as port:
        ours = _ours(port, rate, seconds, connections=ceil(rate / 10))
        stock = _stock(port, seconds, "constant(0)")
        wrk = shutil.which("wrk")
        others = [] if wrk is None else [_wrk(wrk, port, seconds)]
    return [_row("open scheduler", ours, "response_time_s", seconds), stock, *others]


def stalled(p: float, *, stall: float, period: float) -> float:
    """
    Return the true percentile of waiting for a server that stalls and else answers at once.

    Of arrivals spread evenly the share stall/period waits, evenly between nothing and all of it; of 1 s in
    10 s p95 is 0.5 s and p99 0.9 s.
    """
    quick = 1 - stall / period
    return max(0.0, p / 100 - quick) * period


def _row(name: str, told: dict[str, Any], times: str, seconds: float) -> Row:
    done = told["done"]
    return Row(
        name,
        told["offered"],
        done,
        done / seconds,
        **told[times],
        lag_p99=told["lag_s"]["p99"],
        cpu_s=told["cpu_s"] / done,
    )


@contextmanager
def _server(*flags: str) -> Iterator[int]:
    command = [sys.executable, "-m", "harness.lab.load.bench_server", *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None  # noqa: S101 - both are piped
        assert server.stdout is not None  # noqa: S101
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


def _ours(port: int, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "harness.lab.load.bench_client", str(port), str(rate), str(seconds)]
    told: dict[str, Any] = json.loads(_said([*command, str(connections)]))
    return told


def _stock(port: int, seconds: float, wait_time: str) -> Row:
    with TemporaryDirectory() as folder:
        path = Path(folder, "locustfile.py")
        path.write_text(_LOCUSTFILE.format(wait_time=wait_time), encoding="utf-8")
        command = [sys.executable, "-m", "locust", "-f", str(path), "--headless", "--json", "--skip-log"]
        command += ["--users", str(STOCK_USERS), "--spawn-rate", str(STOCK_USERS)]
        command += ["--run-time", f"{ceil(seconds)}s", "--host", f"http://127.0.0.1:{port}"]
        (told,) = json.loads(_said(command))
    counts = {float(time): int(count) for time, count in told["response_times"].items()}
    done = int(told["num_requests"])
    took = float(told["last_request_timestamp"]) - float(told["start_time"])
    name = f"stock Locust, {STOCK_USERS} FastHttpUsers"
    return Row(name, None, done, done / took, *(_rank(counts, p) / 1000 for p in (50, 95, 99)))


def _wrk(wrk: str, port: int, seconds: float) -> Row:
    url = f"http://127.0.0.1:{port}/"
    told = _said([wrk, "-t1", f"-c{STOCK_USERS}", f"-d{ceil(seconds)}s", "--latency", url])
    found = {what: _WRK[what].search(told) for what in _WRK}
    if not all(found.values()):
        raise ValueError(f"wrk said something else than expected: {told!r}")
    text = {what: match[1] for what, match in found.items() if match}
    p50, p99 = (_seconds(text[what]) for what in ("p50", "p99"))
    name = f"wrk, {STOCK_USERS} connections"
    return Row(name, None, int(text["done"]), float(text["rate"]), p50, None, p99)


def _seconds(text: str) -> float:
    """Return what wrk writes as ``1.25ms`` [s]."""
    number = text.rstrip("mus")
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[text[len(number) :]]


def _rank(counts: dict[float, int], p: float) -> float:
    """Return the nearest-rank percentile of counted values."""
    wanted = nearest_rank(p, sum(counts.values()))
    for value in sorted(counts):
        wanted -= counts[value]
        if wanted <= 0:
            return value
    raise ValueError("nothing was counted")


def _said(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
