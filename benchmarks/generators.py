"""
The load generators that are compared: ours, stock Locust, and wrk if it is installed.

Each measurement is a process of its own that sends to a local server; the server responds at once, or stalls.
The generator and the server share the processors. Times are float seconds, rates per second.
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

STOCK_USERS = 10

CHECKOUT = Path(__file__).parents[1]

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
class GeneratorResult:
    """
    What one generator did and measured.

    Attributes:
        offered: Requests of the schedule [count]; None for a generator without a schedule.
        done: Requests that were answered [count].
        rate: Answered requests [1/s].
        p50, p95, p99: Percentiles of the times it reports; None where it reports none.
        lag_p99: Schedule lag; None for a generator without a schedule.
        cpu_s: Processor time of its process for each request; None where it was not measured.
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
) -> list[GeneratorResult]:
    """
    Measure a server that stalls for *stall* in every *period*, with and without a schedule.

    `stall_percentile` is the true value. The measured one is longer: when the stall ends, all requests that
    waited are answered one after the other. At p95 half of them come first.

    Args:
        seconds: Length of the measurement; a multiple of *period*, so that the right share of arrivals waits.

    Returns:
        Ours from the intended start, ours from the actual start, stock Locust's.
    """
    with _server("--stall", str(stall), "--period", str(period)) as port:
        ours = _run_ours(port, rate, seconds, connections=ceil(2 * rate * stall))
    with _server("--stall", str(stall), "--period", str(period)) as port:
        stock = _run_stock(port, seconds, f"constant_throughput({rate / STOCK_USERS})")
    return [
        _our_result("open scheduler, from the intended start", ours, "response_time_s", seconds),
        _our_result("open scheduler, from the actual start", ours, "latency_s", seconds),
        stock,
    ]


def measure_rate(*, rate: float = 5_000.0, seconds: float = 10.0) -> list[GeneratorResult]:
    """
    Measure the schedule lag at *rate*, and the highest rate of the other generators.

    Returns:
        Ours, with its schedule lag; stock Locust's; wrk's, if it is installed.
    """
    with _server() as port:
        ours = _run_ours(port, rate, seconds, connections=ceil(rate / 10))
        stock = _run_stock(port, seconds, "constant(0)")
        wrk = shutil.which("wrk")
        others = [] if wrk is None else [_run_wrk(wrk, port, seconds)]
    return [_our_result("open scheduler", ours, "response_time_s", seconds), stock, *others]


def stall_percentile(p: float, *, stall: float, period: float) -> float:
    """
    Return the true percentile of the wait for a server that stalls and otherwise responds at once.

    Arrivals are evenly spread, so the share stall/period of them waits, for a time that is uniform between 0
    and *stall*. For 1 s in 10 s p95 is 0.5 s and p99 0.9 s.
    """
    without_wait = 1 - stall / period
    return max(0.0, p / 100 - without_wait) * period


def _our_result(name: str, measured: dict[str, Any], times: str, seconds: float) -> GeneratorResult:
    done = measured["done"]
    return GeneratorResult(
        name,
        measured["offered"],
        done,
        done / seconds,
        **measured[times],
        lag_p99=measured["lag_s"]["p99"],
        cpu_s=measured["cpu_s"] / done,
    )


@contextmanager
def _server(*flags: str) -> Iterator[int]:
    """Run the server for as long as the context is open; give its port."""
    command = [sys.executable, "-m", "benchmarks.http_server", *flags]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
    ) as server:
        assert server.stdin is not None  # noqa: S101 - both are piped
        assert server.stdout is not None  # noqa: S101
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


def _run_ours(port: int, rate: float, seconds: float, connections: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.generator_process", str(port), str(rate), str(seconds)]
    measured: dict[str, Any] = json.loads(_output([*command, str(connections)]))
    return measured


def _run_stock(port: int, seconds: float, wait_time: str) -> GeneratorResult:
    with TemporaryDirectory() as folder:
        path = Path(folder, "locustfile.py")
        path.write_text(_LOCUSTFILE.format(wait_time=wait_time), encoding="utf-8")
        command = [sys.executable, "-m", "locust", "-f", str(path), "--headless", "--json", "--skip-log"]
        command += ["--users", str(STOCK_USERS), "--spawn-rate", str(STOCK_USERS)]
        command += ["--run-time", f"{ceil(seconds)}s", "--host", f"http://127.0.0.1:{port}"]
        rows = json.loads(_output(command))
    name = f"stock Locust, {STOCK_USERS} FastHttpUsers"
    if not rows:
        # No request was answered in the time: on a busy machine Locust may take seconds to begin.
        return GeneratorResult(name, None, 0, 0.0, None, None, None)
    (statistics,) = rows
    counts = {float(time): int(count) for time, count in statistics["response_times"].items()}
    done = int(statistics["num_requests"])
    took = float(statistics["last_request_timestamp"]) - float(statistics["start_time"])
    percentiles = (_counted_percentile(counts, p) / 1000 for p in (50, 95, 99))
    return GeneratorResult(name, None, done, done / took, *percentiles)


def _run_wrk(wrk: str, port: int, seconds: float) -> GeneratorResult:
    url = f"http://127.0.0.1:{port}/"
    output = _output([wrk, "-t1", f"-c{STOCK_USERS}", f"-d{ceil(seconds)}s", "--latency", url])
    found = {name: pattern.search(output) for name, pattern in _WRK.items()}
    if not all(found.values()):
        raise ValueError(f"The output of wrk has another form than expected: {output!r}")
    text = {name: match[1] for name, match in found.items() if match}
    p50, p99 = (_parse_seconds(text[name]) for name in ("p50", "p99"))
    name = f"wrk, {STOCK_USERS} connections"
    return GeneratorResult(name, None, int(text["done"]), float(text["rate"]), p50, None, p99)


def _parse_seconds(text: str) -> float:
    """Return a time that wrk writes as ``1.25ms`` [s]."""
    number = text.rstrip("mus")
    return float(number) * {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}[text[len(number) :]]


def _counted_percentile(counts: dict[float, int], p: float) -> float:
    """Return the nearest-rank percentile of values that are given with their counts."""
    rank = ceil(sum(counts.values()) * p / 100)
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    raise ValueError("no values were counted")


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=CHECKOUT).stdout
