"""
The master's part of a run: start all workers together, watch them, and record how the run ended.

The coordinator sends every worker the plan, its index and the number of workers. A worker prepares and
answers with its version and the hashes of what it received. When all answers agree, the coordinator sends a
common start time. It adds up the workers' counts, notices lost workers, ends the run when all are done, and
writes ``outcome.json``. The arrivals of a lost worker are not given to another one. In a single process the
messages are plain calls. Times are float seconds since the run began, except where the name says epoch.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import STATE_MISSING, MasterRunner, Runner

from harness.lab.load.abort_watch import Abort, AbortWatch, AlarmAbortWatch
from harness.lab.load.generator.self_check import SKEW_LIMIT_S, GeneratorHealth, minimum_skew
from harness.lab.load.live_view import LiveView
from harness.lab.load.locust import messages
from harness.lab.load.progress import Progress, Total
from harness.lab.load.progress_view import figures
from harness.lab.load.run_outcome import GENERATOR, OUTCOME, PROGRESS, RunOutcome
from harness.lab.load.run_plan import RunPlan, differences
from harness.lab.results.writer import PARTS

START_DELAY_S = 0.5
"""From the last worker's READY to the start of the run: time for the START message to arrive."""

READY_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 30.0

SILENCE_S = 30.0
"""After the end of the drain, a worker that has not ended may be silent for so long."""
POLL_S = 0.25

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Coordinator:
    """
    One run, seen from the master.

    Attributes:
        identities: The CSV file of the plan's identities.
        folder: The run folder.
        ended: Called once when the run is over; ends Locust.
        outcome: How the run ended, or how far it is.
    """

    runner: Runner
    plan: RunPlan
    identities: Path
    folder: Path
    ended: Callable[[], None]

    def __post_init__(self) -> None:
        (self.folder / GENERATOR).mkdir(parents=True, exist_ok=True)
        self._sent_at_epoch_s = 0.0
        self._heard_at = time.monotonic()
        self._expected = self._connected()
        self._ready: set[str] = set()
        self._done: set[str] = set()
        self._lost: set[str] = set()
        self._total = Total()
        self._abort_watch = AbortWatch(self.plan)
        self._alarm_watch: AlarmAbortWatch | None = None
        self._over = Event()
        self._live: LiveView | None = None
        self.outcome = RunOutcome(workers=len(self._expected))

    def begin(self) -> None:
        """Send the plan to all workers, and watch the run until it is over."""
        log.info("Playing %s with %d worker(s)", self.plan.scenario.name, len(self._expected))
        gevent.spawn(self._watch).link_exception(lambda watch: self.give_up(f"{watch.exception!r}"))
        options: Any = self.runner.environment.parsed_options
        # Locust itself started these workers, on this machine.
        is_disk_shared = not isinstance(self.runner, MasterRunner) or bool(options.processes)
        message = {
            "scenario": self.plan.scenario.model_dump_json(),
            "identities": self.identities.read_bytes(),
            "workers": len(self._expected),
            "folder": str(self.folder) if is_disk_shared else None,
        }
        self._sent_at_epoch_s = time.time()
        for index, worker in enumerate(self._expected):
            self.runner.send_message(messages.PLAN, {**message, "index": index}, client_id=worker)

    def handle(self, kind: str, worker: str, message: Mapping[str, Any]) -> None:
        self._heard_at = time.monotonic()
        match kind:
            case messages.READY:
                self._worker_ready(worker, message)
            case messages.PROGRESS:
                self._total.add(worker, message)
            case messages.PART:
                (self.folder / PARTS).mkdir(exist_ok=True)
                with (self.folder / PARTS / message["file"]).open("ab") as file:
                    file.write(message["bytes"])
            case messages.DONE:
                self._total.add(worker, message["report"])
                self.outcome.health.append(GeneratorHealth(**message["health"]))
                self.outcome.shortfalls.extend(message["shortfalls"])
                self.outcome.untried += message["untried"]
                self._done.add(worker)
                self._finish_if_done()
            case messages.DEFECT:
                self.give_up(f"worker {worker} failed: {message['reason']}")

    def _worker_ready(self, worker: str, message: Mapping[str, Any]) -> None:
        if found := differences(self.plan.handshake(), message["handshake"]):
            self.outcome.disagreement = f"worker {worker} would play something else: {found}"
            self._refuse(self.outcome.disagreement)
            return
        skew = minimum_skew(
            self._sent_at_epoch_s, message["received_at_epoch_s"], message["sent_at_epoch_s"], time.time()
        )
        if abs(skew) > SKEW_LIMIT_S:
            direction = "ahead" if skew > 0 else "behind"
            self.outcome.shortfalls.append(
                f"the clock of worker {worker} is at least {abs(skew) * 1000:.0f} ms {direction}"
            )
        self._ready.add(worker)
        if self._ready >= set(self._expected) - self._lost:
            self._start()

    def interrupt(self) -> None:
        """End the run early; return when every worker has written its tables."""
        if not self._over.is_set():
            self.outcome.interrupted = True
            self._stop()

    def give_up(self, defect: str) -> None:
        """End the run because of a defect; return at once."""
        if self._over.is_set():
            return
        if self.outcome.began_at_epoch_s is None:
            self._refuse(defect)
        else:
            log.error("%s", defect)
            self.outcome.shortfalls.append(defect)
            # In a greenlet of its own: this one may have to handle the workers' last messages.
            gevent.spawn(self._stop)

    def abort(self, reason: Abort) -> None:
        """End the run because an objective can no longer be met; return when every worker has ended."""
        if not self._over.is_set():
            log.warning("Aborted: %s: %s", reason.objective, reason.why)
            self.outcome.aborted = asdict(reason)
            self._stop()

    def lose_worker(self, reason: str) -> None:
        """End a run that has not begun, because a worker was lost."""
        if self.outcome.began_at_epoch_s is None and not self._over.is_set():
            self.outcome.lost += 1
            self._refuse(reason)

    def rows(self) -> list[tuple[str, str]]:
        """Return the state of the run as names and texts. It reads files: call it in a thread."""
        shown = figures(self._progress(), self.plan.scenario.time_scale)
        rows = [("phase", f"{self.phase}, {self.now:.0f} s"), *shown]
        began_at = self.outcome.began_at_epoch_s
        if began_at is None or self.outcome.is_over:
            return rows
        if self._live is None:
            self._live = LiveView(self.folder, began_at, self.plan.scenario.time_scale)
        return [*rows, *self._live.rows(self.now)]

    @property
    def now(self) -> float:
        """Seconds since the run began; 0 before."""
        began = self.outcome.began_at_epoch_s
        return 0.0 if began is None else max(0.0, time.time() - began)

    @property
    def phase(self) -> str:
        if self._over.is_set():
            return "over"
        if self.outcome.began_at_epoch_s is None:
            return "preparing"
        return "playing" if self.now < self.plan.duration else "draining"

    def _stop(self) -> None:
        self._send_all(messages.STOP, {"refusal": None})
        self._over.wait(STOP_TIMEOUT_S)
        self._finish()

    def _start(self) -> None:
        began_at = time.time() + START_DELAY_S
        replace(self.outcome, began_at_epoch_s=began_at).write(self.folder / OUTCOME)
        # Set after the file is written: without the file the run has not begun.
        self.outcome.began_at_epoch_s = began_at
        self._alarm_watch = AlarmAbortWatch(self.plan, self.folder, began_at)
        self._send_all(messages.START, {"began_at_epoch_s": began_at})

    def _refuse(self, reason: str) -> None:
        log.error("%s", reason)
        self.outcome.refusal = reason
        self._send_all(messages.STOP, {"refusal": reason})
        self._finish()

    def _watch(self) -> None:
        began_watching = time.monotonic()
        while not self._over.is_set():
            gevent.sleep(POLL_S)
            self._notice_lost()
            self._progress().write(self.folder / PROGRESS)
            has_begun = self.outcome.began_at_epoch_s is not None
            if not has_begun and time.monotonic() - began_watching > READY_TIMEOUT_S:
                self._refuse(f"not every worker was ready within {READY_TIMEOUT_S:.0f} s")
            self._finish_if_done()
            self._abort_if_hopeless()
            if self.now > self.plan.duration + self.plan.drain:
                self._notice_silence()

    def _abort_if_hopeless(self) -> None:
        if self._alarm_watch is None or self._over.is_set() or self.outcome.interrupted:
            return
        reason = self._abort_watch.check(self._total, self.now)
        if reason is None:
            reason = gevent.get_hub().threadpool.apply(self._alarm_watch.check, (self.now,))
        if reason is not None:
            self.abort(reason)

    def _finish_if_done(self) -> None:
        if self._done >= set(self._expected) - self._lost:
            self._finish()

    def _notice_silence(self) -> None:
        if time.monotonic() - self._heard_at > SILENCE_S:
            silent = set(self._expected) - self._done - self._lost
            workers = ", ".join(str(self._expected.index(worker)) for worker in silent)
            self.outcome.shortfalls.append(f"worker {workers} did not report the end of its arrivals")
            self._finish()

    def _notice_lost(self) -> None:
        for worker in set(self._expected) - set(self._connected()) - self._done - self._lost:
            self._lost.add(worker)
            self.outcome.lost += 1
            index = self._expected.index(worker)
            if self.outcome.began_at_epoch_s is None:
                self._refuse(f"worker {index} was lost while it prepared")
                return
            self.outcome.shortfalls.append(f"worker {index} was lost at {self.now:.1f} s")

    def _finish(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        self.outcome.ended_at_s = self.now
        self.outcome.is_over = True
        try:
            self.outcome.write(self.folder / OUTCOME)
            self._progress().write(self.folder / PROGRESS)
        finally:
            self.ended()

    def _progress(self) -> Progress:
        return self._total.progress(self.now, self.phase, self.plan.scheduled)

    def _connected(self) -> list[str]:
        if not isinstance(self.runner, MasterRunner):
            return ["local"]
        return [client.id for client in self.runner.clients.all if client.state != STATE_MISSING]

    def _send_all(self, kind: str, message: Any) -> None:
        for worker in self._expected:
            self.runner.send_message(kind, message, client_id=worker)
