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
from typing import Any, NoReturn  # noqa: E402

from locust.env import Environment  # noqa: E402

from harness.lab.load.clients.api_session import ApiSession, RequestContext  # noqa: E402
from harness.lab.load.clients.response_check import expecting  # noqa: E402
from harness.lab.load.clients.trace_sampling import TraceSampling  # noqa: E402
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


class Measurement:
    """The requests of one measurement and their times."""

    def __init__(self, host: str, folder: Path) -> None:
        environment = Environment(host=host)
        environment.create_local_runner()
        avoid_pauses()
        zero = time.perf_counter() + SETTLE_S
        self.context = RequestContext(
            worker=0,
            clock=lambda: time.perf_counter() - zero,
            connections=ConnectionPool(host, timeout=DRAIN_S),
            recorder=WorkerRecorder(folder, 0, failed=self._fail),
            tally=Tally(),
            fire_request=environment.events.request.fire,
            traces=TraceSampling(0.0),
        )
        self.probe = Probe()
        self.response_times: list[float] = []
        self.latencies: list[float] = []

    def _fail(self, reason: str) -> NoReturn:
        raise RuntimeError(reason)

    def run(self, rate: float, length: float, max_in_flight: int) -> dict[str, Any]:
        """Send the requests, and return what was measured."""
        scheduler = OpenScheduler(
            arrivals(rate, length),
            self.play,
            self.context.clock,
            ends_at=length + DRAIN_S,
            probe=self.probe,
            censor=lambda _: None,
            max_in_flight=max_in_flight,
        )
        began_cpu = time.process_time()
        scheduler.run()
        cpu = time.process_time() - began_cpu
        self.context.recorder.close()
        return {
            "offered": self.probe.offered,
            "done": self.context.tally.counts["ok"],
            "cpu_s": cpu,
            "response_time_s": percentiles(self.response_times),
            "latency_s": percentiles(self.latencies),
            "lag_s": percentiles(self.probe.lags),
        }

    def play(self, arrival: GetArrival, intended_at: float) -> None:
        session = ApiSession(self.context, arrival.index, intended_at)
        started_at = self.context.clock()
        finished_at = session.get("/", expecting(200), "answer").finished_at
        self.response_times.append(finished_at - intended_at)
        self.latencies.append(finished_at - started_at)


def arrivals(rate: float, length: float) -> Iterator[GetArrival]:
    """Yield evenly spaced arrivals."""
    for index in range(round(rate * length)):
        yield GetArrival(index, index / rate)


def percentiles(values: list[float]) -> dict[str, float]:
    return {f"p{p}": percentile(values, p) for p in (50, 95, 99)}


if __name__ == "__main__":
    port, rate, length, most = sys.argv[1:]
    with TemporaryDirectory(prefix="harness-bench-") as records:
        measurement = Measurement(f"http://127.0.0.1:{port}", Path(records))
        print(json.dumps(measurement.run(float(rate), float(length), int(most))))
