"""
One worker's share of a run, being played.

Times are float seconds since the run began, except where the name says epoch.
"""

import gc
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import pyarrow as pa
from gevent import GreenletExit
from locust.env import Environment

from harness.lab.load.clients.api_session import ApiSession
from harness.lab.load.clients.batch_recorder import RunStage
from harness.lab.load.clients.client_session import ClientSession, SessionStopped
from harness.lab.load.clients.flows import FLOWS
from harness.lab.load.clients.payloads import Payloads
from harness.lab.load.generator import self_check_probes
from harness.lab.load.generator.connection_pool import ConnectionPool
from harness.lab.load.generator.prefetch import Prefetch
from harness.lab.load.generator.recorder import WorkerRecorder
from harness.lab.load.generator.scheduler import ClosedScheduler, OpenScheduler
from harness.lab.load.generator.self_check import GeneratorHealth, Probe
from harness.lab.load.progress import Tally
from harness.lab.load.run_plan import PlannedArrival, RunPlan

NETWORK_TIMEOUT_S = 60.0

MADE_AT_ONCE = 64
COLLECT_AT = (50_000, 50, 100)
SWITCH_EVERY_S = 0.0005

log = logging.getLogger(__name__)


class WorkerRun:
    """
    The arrivals of one worker, from the common beginning to the end of the drain.

    Args:
        folder: The run folder, on this machine.
        ended: Called once, when everything has ended or the drain is over.
    """

    def __init__(
        self,
        environment: Environment,
        plan: RunPlan,
        payloads: Payloads,
        *,
        index: int,
        workers: int,
        began_at_epoch_s: float,
        folder: Path,
        ended: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._index = index
        self._ended = ended
        # Monotonic from here on: the wall clock may be set while we play.
        self._zero = time.perf_counter() + (began_at_epoch_s - time.time())
        self._tally = Tally()
        self._probe = Probe()
        self._recorder = WorkerRecorder(folder, index)
        self._connections = ConnectionPool(str(environment.host), timeout=NETWORK_TIMEOUT_S)
        self._announce = environment.events.request.fire
        self._stage = RunStage(
            plan, self.clock, began_at_epoch_s, self._recorder, self._tally, payloads, self._open_session
        )
        self._scheduler = self._make_scheduler(workers)
        self._watching = [
            gevent.spawn(watch, self._probe)
            for watch in (self_check_probes.watch_event_loop, self_check_probes.watch_cpu)
        ]
        self._running = gevent.spawn(self._run)

    def clock(self) -> float:
        """Return the time."""
        return time.perf_counter() - self._zero

    def stop(self) -> None:
        """Stop what is still under way, record it as a lower bound, and write everything."""
        self._running.kill()
        gevent.killall(self._watching)
        self._recorder.close()

    def report(self) -> dict[str, Any]:
        """Return what was counted so far."""
        self._tally.counts.update(
            {
                "offered": self._probe.offered - self._tally.counts["offered"],
                "started": self._probe.started - self._tally.counts["started"],
                "queued": self._probe.queued - self._tally.counts["queued"],
                "in_flight": self._scheduler.in_flight - self._tally.counts["in_flight"],
            }
        )
        return self._tally.take_report()

    @property
    def health(self) -> GeneratorHealth:
        return self._probe.health(self._index)

    @property
    def shortfalls(self) -> list[str]:
        """What makes this worker's figures doubtful, beyond its health, in words."""
        found = []
        if defects := self._tally.counts["defects"]:
            found.append(
                f"worker {self._index}: {defects} arrivals ended in a defect of the harness; see its log"
            )
        if self._scheduler.ran_dry:
            found.append(f"worker {self._index} ran out of listings before the time was up")
        return found

    @property
    def untried(self) -> int:
        """Forbidden attempts that could not be made before the arrivals ended [count]."""
        return self._tally.counts["untried"]

    def _run(self) -> None:
        try:
            self._scheduler.run()
        finally:
            self._ended()

    def _play(self, arrival: PlannedArrival, intended_at: float) -> None:
        visit = ClientSession(self._stage, arrival, intended_at)
        try:
            FLOWS[arrival.batch.flow](visit)
        except SessionStopped as stopped:
            visit.chronicle.stopped(str(stopped))
        except GreenletExit:
            visit.chronicle.censored()
            raise
        except Exception as error:
            # Nobody above would see it: it is logged, and makes the run inconclusive.
            log.exception("arrival %d", arrival.index)
            self._tally.counts["defects"] += 1
            visit.chronicle.stopped(f"{type(error).__name__}: {error}")
        self._tally.counts["ended"] += 1

    def _censor(self, arrival: PlannedArrival) -> None:
        ClientSession(self._stage, arrival, arrival.at).chronicle.never_started()

    def _make_scheduler(
        self, workers: int
    ) -> OpenScheduler[PlannedArrival] | ClosedScheduler[PlannedArrival]:
        plan = self._plan
        arrivals = Prefetch(plan.share(self._index, workers), MADE_AT_ONCE)
        ends_at = plan.duration + plan.drain
        users = plan.scenario.users
        if users is not None:
            mine = len(range(self._index, users, workers))
            return ClosedScheduler(
                arrivals,
                self._play,
                self.clock,
                users=mine,
                until=plan.duration,
                ends_at=ends_at,
                probe=self._probe,
            )
        most = max(1, len(range(self._index, plan.scenario.max_in_flight, workers)))
        return OpenScheduler(
            arrivals,
            self._play,
            self._censor,
            self.clock,
            max_in_flight=most,
            ends_at=ends_at,
            probe=self._probe,
        )

    def _open_session(self, arrival: PlannedArrival, intended_at: float, trace_id: str) -> ApiSession:
        return ApiSession(
            self._connections,
            self._announce,
            self._recorder,
            self._tally.counts,
            self.clock,
            worker=self._index,
            arrival=arrival.index,
            trace_id=trace_id,
            intended_at=intended_at,
        )


def settle_down() -> None:
    """Keep this process from pausing while it plays; takes the better part of a second itself."""
    # With its first conversion Arrow imports what it wants for all of them.
    pa.array([None])
    # What was built to get here stays; the collector need not look at it again. What comes is freed when it
    # is done with: cycles are rare, so looking for them may be rare.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AT)
    # The recorder's thread would keep the schedule waiting for 5 ms at a time.
    sys.setswitchinterval(SWITCH_EVERY_S)
