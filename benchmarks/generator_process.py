"""
The load generator without its flows, to be measured: one GET an arrival, evenly spaced.

Scheduler, session, connections, recorder and Locust's own statistics are those of every run. Run as
``python -m benchmarks.generator_process PORT RATE SECONDS CONNECTIONS``: it prints a JSON object.
Times are float seconds.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - nothing may come before the patching
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402

from locust.env import Environment  # noqa: E402

from harness.lab.load.clients.api_session import ApiSession, RequestContext  # noqa: E402
from harness.lab.load.clients.response_check import expecting  # noqa: E402
from harness.lab.load.generator.connection_pool import ConnectionPool  # noqa: E402
from harness.lab.load.generator.recorder import WorkerRecorder  # noqa: E402
from harness.lab.load.generator.scheduler import OpenScheduler  # noqa: E402
from harness.lab.load.generator.self_check import Probe  # noqa: E402
from harness.lab.load.locust.worker_run import avoid_pauses  # noqa: E402
from harness.lab.load.progress import Tally  # noqa: E402
from harness.lab.results.percentile import percentile  # noqa: E402

DRAIN_S = 10.0
SETTLE_S = 0.5


@dataclass(frozen=True, slots=True)
class GetArrival:
    """One GET request and when it is due."""

    index: int
    at: float


def main(port: int, rate: float, length: float, max_in_flight: int, folder: Path) -> None:
    """Send the requests, and print what was measured."""
    environment = Environment(host=f"http://127.0.0.1:{port}")
    environment.create_local_runner()
    recorder = WorkerRecorder(folder, 0)
    avoid_pauses()
    zero = time.perf_counter() + SETTLE_S

    def clock() -> float:
        return time.perf_counter() - zero

    context = RequestContext(
        worker=0,
        clock=clock,
        connections=ConnectionPool(str(environment.host), timeout=DRAIN_S),
        recorder=recorder,
        tally=Tally(),
        fire_request=environment.events.request.fire,
    )
    response_times: list[float] = []
    latencies: list[float] = []

    def play(arrival: GetArrival, intended_at: float) -> None:
        session = ApiSession(context, arrival.index, intended_at)
        started_at = clock()
        finished_at = session.get("/", expecting(200), "answer").finished_at
        response_times.append(finished_at - intended_at)
        latencies.append(finished_at - started_at)

    probe = Probe()
    scheduler = OpenScheduler(
        arrivals(rate, length),
        play,
        lambda _: None,
        clock,
        max_in_flight=max_in_flight,
        ends_at=length + DRAIN_S,
        probe=probe,
    )
    began_cpu = time.process_time()
    scheduler.run()
    cpu = time.process_time() - began_cpu
    recorder.close()
    measured = {
        "offered": probe.offered,
        "done": context.tally.counts["ok"],
        "cpu_s": cpu,
        "response_time_s": percentiles(response_times),
        "latency_s": percentiles(latencies),
        "lag_s": percentiles(probe.lags),
    }
    print(json.dumps(measured))


def arrivals(rate: float, length: float) -> Iterator[GetArrival]:
    """Yield evenly spaced arrivals."""
    for index in range(round(rate * length)):
        yield GetArrival(index, index / rate)


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": percentile(values, p) for p in (50, 95, 99)}


if __name__ == "__main__":
    with TemporaryDirectory(prefix="harness-bench-") as records:
        main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), Path(records))
