"""
One worker's share of a run while it is played.

Times are float seconds since the run began, except where the name says epoch.
"""

import gc
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gevent
import psutil
import pyarrow as pa
from gevent import GreenletExit
from locust.env import Environment

from harness.lab.gate.abort.abort_rule import abort_rules
from harness.lab.load.clients.batch_recorder import WorkerContext
from harness.lab.load.clients.client_session import ClientSession, SessionStopped
from harness.lab.load.clients.flows import FLOWS
from harness.lab.load.clients.payloads import Payloads
from harness.lab.load.clients.trace_sampling import TraceSampling
from harness.lab.load.generator.connection_pool import ConnectionPool
from harness.lab.load.generator.prefetch import Prefetch
from harness.lab.load.generator.recorder import WorkerRecorder
from harness.lab.load.generator.scheduler import ClosedScheduler, OpenScheduler, Scheduler
from harness.lab.load.generator.self_check import Probe
from harness.lab.load.progress import Tally
from harness.lab.load.run_plan import PlannedArrival, RunPlan

NETWORK_TIMEOUT_S = 60.0

PREFETCHED = 64
"""How many arrivals are drawn at once, ahead of time [count]."""

SLEEP_S = 0.01
CPU_EVERY_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """What one worker plays: of all arrivals of the plan every *workers*-th, from its *index* on."""

    plan: RunPlan
    payload_of: Payloads
    index: int
    workers: int


class WorkerRun:
    """
    The arrivals of one worker, from the common beginning to the end of the drain.

    Args:
        folder: The run folder, on this machine.
        ended: Called once, when everything has ended or the drain is over.
        failed: Called once, with a sentence, when results could not be recorded.
    """

    def __init__(
        self,
        environment: Environment,
        share: WorkerShare,
        *,
        began_at_epoch_s: float,
        folder: Path,
        ended: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._share = share
        self._ended = ended
        # Monotonic from here on: the wall clock may be set during the run.
        zero = time.perf_counter() + (began_at_epoch_s - time.time())
        self._probe = Probe()
        self._context = WorkerContext(
            worker=share.index,
            clock=lambda: time.perf_counter() - zero,
            connections=ConnectionPool(str(environment.host), timeout=NETWORK_TIMEOUT_S),
            recorder=WorkerRecorder(folder, share.index, failed),
            tally=Tally(rules=abort_rules(share.plan.scenario)),
            fire_request=environment.events.request.fire,
            plan=share.plan,
            began_at=began_at_epoch_s,
            payload_of=share.payload_of,
            traces=TraceSampling.of(share.plan.duration, share.workers),
        )
        self._scheduler = self._make_scheduler()
        self._probing = [gevent.spawn(watch, self._probe) for watch in (_watch_event_loop, _watch_cpu)]
        self._running = gevent.spawn(self._run)

    def stop(self) -> None:
        """Stop the unfinished arrivals, record them as lower bounds, and write everything."""
        self._running.kill()
        gevent.killall(self._probing)
        self._context.recorder.close()

    def report(self) -> dict[str, Any]:
        """Return the counts so far, and the end-to-end times since the last report."""
        counts = self._context.tally.counts
        counts["offered"], counts["started"] = self._probe.offered, self._probe.started
        counts["queued"], counts["in_flight"] = self._probe.queued, self._scheduler.in_flight
        return self._context.tally.take_report(self._context.clock())

    def last_report(self) -> dict[str, Any]:
        """Return the last counts, the worker's health, and what else makes its figures doubtful."""
        shortfalls, worker = [], f"worker {self._share.index}"
        counts = self._context.tally.counts
        if defects := counts["defects"]:
            shortfalls.append(f"{worker}: {defects} arrivals ended in a defect of the harness; see its log")
        if self._scheduler.ran_dry:
            shortfalls.append(f"{worker} ran out of listings before the time was up")
        health = asdict(self._probe.health(self._share.index))
        untried = counts["untried"]
        return {"report": self.report(), "health": health, "shortfalls": shortfalls, "untried": untried}

    def _run(self) -> None:
        try:
            self._scheduler.run()
        finally:
            self._ended()

    def _play(self, arrival: PlannedArrival, intended_at: float) -> None:
        client = ClientSession(self._context, arrival, intended_at)
        try:
            FLOWS[arrival.batch.flow](client)
        except SessionStopped as stopped:
            client.recorder.flow_failed(str(stopped))
        except GreenletExit:
            client.recorder.censor()
            raise
        except Exception as error:
            # Raised further, it would be lost with the greenlet. It makes the run inconclusive.
            log.exception("arrival %d", arrival.index)
            self._context.tally.counts["defects"] += 1
            client.recorder.flow_failed(f"{type(error).__name__}: {error}")
        finally:
            client.api.end(arrival.batch.flow)
        self._context.tally.counts["ended"] += 1

    def _censor(self, arrival: PlannedArrival) -> None:
        ClientSession(self._context, arrival, arrival.at).recorder.never_started()

    def _make_scheduler(self) -> Scheduler[PlannedArrival]:
        plan, index, workers = self._share.plan, self._share.index, self._share.workers
        what = (Prefetch(plan.share(index, workers), PREFETCHED), self._play, self._context.clock)
        ends_at, probe = plan.duration + plan.drain, self._probe
        if plan.scenario.users is not None:
            users = len(range(index, plan.scenario.users, workers))
            return ClosedScheduler(*what, ends_at=ends_at, probe=probe, users=users, until=plan.duration)
        most = max(1, len(range(index, plan.scenario.max_in_flight, workers)))
        return OpenScheduler(*what, ends_at=ends_at, probe=probe, censor=self._censor, max_in_flight=most)


def _watch_event_loop(probe: Probe) -> None:
    """Measure how much later than requested a short sleep ends, until killed."""
    while True:
        began_at = time.perf_counter()
        gevent.sleep(SLEEP_S)
        probe.overshoots.append(time.perf_counter() - began_at - SLEEP_S)


def _watch_cpu(probe: Probe) -> None:
    """Measure the share of one core that this process uses, until killed."""
    process = psutil.Process()
    process.cpu_percent()
    while True:
        gevent.sleep(CPU_EVERY_S)
        probe.cpu.append(process.cpu_percent() / 100)


def avoid_pauses() -> None:
    """Prepare this process to run without pauses; takes about half a second itself."""
    # Arrow imports what it needs for conversions with its first one.
    pa.array([None])
    # Objects that exist now stay; the collector need not look at them again. Later objects are freed by their
    # reference counts: cycles are rare, so the collector need not run often.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    # By default the recorder's thread would delay the schedule by up to 5 ms at a time.
    sys.setswitchinterval(0.0005)
