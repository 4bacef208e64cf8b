"""
The open scheduler by itself, for measuring it: one GET an arrival, paced, at a server that only answers.

Run as ``python -m harness.lab.load.bench_client PORT RATE SECONDS CONNECTIONS``: it prints a JSON object.
Times in seconds.
"""

from gevent import monkey

monkey.patch_all()

import gc  # noqa: E402 - nothing may come before the patching
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from dataclasses import dataclass  # noqa: E402

from geventhttpclient import HTTPClient  # noqa: E402

from harness.lab.load.scheduler import OpenScheduler  # noqa: E402
from harness.lab.load.self_check import Probe  # noqa: E402
from harness.lab.results.percentile import percentile  # noqa: E402

DRAIN_S = 10.0
SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class Arrival:
    """One GET and when it is due."""

    at: float


def main(port: int, rate: float, length: float, connections: int) -> None:
    """Play, and print what was measured."""
    http = HTTPClient("127.0.0.1", port, concurrency=connections, network_timeout=DRAIN_S)
    from_intended: list[float] = []
    from_started: list[float] = []
    zero = time.perf_counter() + SETTLE_S
    probe = Probe()

    def clock() -> float:
        return time.perf_counter() - zero

    def play(_: Arrival, intended_at: float) -> None:
        started_at = clock()
        http.get("/").read()
        finished_at = clock()
        from_intended.append(finished_at - intended_at)
        from_started.append(finished_at - started_at)

    gc.collect()
    gc.freeze()
    began_cpu = time.process_time()
    OpenScheduler(
        arrivals(rate, length),
        play,
        lambda _: None,
        clock,
        max_in_flight=connections,
        ends_at=length + DRAIN_S,
        probe=probe,
    ).run()
    told = {
        "offered": probe.offered,
        "done": len(from_intended),
        "cpu": (time.process_time() - began_cpu) / clock(),
        "response_time_s": percentiles(from_intended),
        "latency_s": percentiles(from_started),
        "lag_s": percentiles(probe.lags),
    }
    print(json.dumps(told))


def arrivals(rate: float, length: float) -> Iterator[Arrival]:
    """Yield evenly spaced arrivals."""
    for index in range(round(rate * length)):
        yield Arrival(index / rate)


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": percentile(values, p) for p in (50, 95, 99)}


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
