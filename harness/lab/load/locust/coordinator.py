"""
The master's part of a run: everybody starts together, and what became of everybody is written down.

The conductor sends every worker what to play; a worker prepares and answers with the version and the
hashes of what it understood. When all have said the same, the conductor gives them a common start, an
index and the number of parts. It adds up what they report, notices who was lost, ends the run when all
are done, and leaves ``outcome.json``. Nothing a lost worker should have played is given to another.
In a single process the messages are plain calls. Epoch seconds where the name says so, else run time.
"""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner

from harness.lab.load.generator.clock_skew import SKEW_LIMIT_S, certain_skew
from harness.lab.load.live_view import LiveView
from harness.lab.load.locust.messages import PLAN, START, STOP
from harness.lab.load.progress import Total
from harness.lab.load.progress_view import figures
from harness.lab.load.run_outcome import GENERATOR, RunOutcome
from harness.lab.load.run_plan import RunPlan, differences
from harness.lab.results.writer import PARTS

START_DELAY_S = 0.5
"""Between the last worker's readiness and the run's beginning: time for the message to arrive."""

READY_TIMEOUT_S = 600.0
STOP_TIMEOUT_S = 30.0
LOOK_EVERY_S = 0.25

log = logging.getLogger(__name__)


class Coordinator:
    """
    One run, seen from the master.

    Args:
        identities: The CSV file the plan was made from.
        folder: The run folder.
        ended: Called once when the run is over, to let Locust go.
    """

    def __init__(
        self,
        environment: Environment,
        plan: RunPlan,
        identities: Path,
        folder: Path,
        ended: Callable[[], None],
    ) -> None:
        assert environment.runner is not None  # noqa: S101 - Locust makes it before a run can start
        self._environment = environment
        self._runner = environment.runner
        self._plan = plan
        self._identities = identities
        self._folder = folder
        self._generator = folder / GENERATOR
        self._generator.mkdir(parents=True, exist_ok=True)
        self._ended = ended
        self._asked_at_epoch_s = 0.0
        self._expected = self._present()
        self._ready: set[str] = set()
        self._done: set[str] = set()
        self._lost: set[str] = set()
        self._total = Total()
        self._over = Event()
        self._live: LiveView | None = None
        self.outcome = RunOutcome(workers=len(self._expected))

    def begin(self) -> None:
        """Tell everybody what to play, and keep watch until it is over."""
        log.info("Playing %s with %d worker(s)", self._plan.scenario.name, len(self._expected))
        gevent.spawn(self._watch).link_exception(lambda watch: self.give_up(f"{watch.exception!r}"))
        played = {
            "scenario": self._plan.scenario.model_dump_json(),
            "identities": self._identities.read_bytes(),
            "workers": len(self._expected),
            "folder": str(self._folder) if self._is_disk_shared else None,
        }
        self._asked_at_epoch_s = time.time()
        for index, worker in enumerate(self._expected):
            self._runner.send_message(PLAN, {**played, "index": index}, client_id=worker)

    def worker_ready(self, worker: str, message: Mapping[str, Any]) -> None:
        """Take a worker's answer to the plan."""
        if found := differences(self._plan.handshake(), message["handshake"]):
            self.outcome.disagreement = f"worker {worker} would play something else: {found}"
            self._refuse(self.outcome.disagreement)
            return
        skew = certain_skew(
            self._asked_at_epoch_s, message["heard_at_epoch_s"], message["sent_at_epoch_s"], time.time()
        )
        if abs(skew) > SKEW_LIMIT_S:
            self.outcome.shortfalls.append(
                f"the clock of worker {worker} is {skew * 1000:.0f} ms off or more"
            )
        self._ready.add(worker)
        if self._ready >= set(self._expected) - self._lost:
            self._start()

    def worker_progress(self, worker: str, message: Mapping[str, Any]) -> None:
        self._total.add(worker, message)

    def worker_done(self, worker: str, message: Mapping[str, Any]) -> None:
        """Take a worker's last word."""
        self._total.add(worker, message["report"])
        self.outcome.health.append(message["health"])
        self.outcome.shortfalls.extend(message["shortfalls"])
        self.outcome.untried += message["untried"]
        self._done.add(worker)

    def worker_part(self, message: Mapping[str, Any]) -> None:
        """Append to a table part of a worker that does not share our disk."""
        (self._folder / PARTS).mkdir(exist_ok=True)
        with (self._folder / PARTS / message["file"]).open("ab") as file:
            file.write(message["bytes"])

    def interrupt(self) -> None:
        """End the run early; return when every worker has written what it has."""
        if self._over.is_set():
            return
        self.outcome.interrupted = True
        self._stop()

    def give_up(self, defect: str) -> None:
        """End the run because of something that should not have happened; return at once."""
        if self._over.is_set():
            return
        log.error("%s", defect)
        if self.outcome.began_at_epoch_s is None:
            self._refuse(defect)
        else:
            self.outcome.shortfalls.append(defect)
            # Not here: whoever brings this message brings the workers' last ones too.
            gevent.spawn(self._stop)

    def rows(self) -> list[tuple[str, str]]:
        """Return how the run goes, as names and texts; reads files, so ask in a thread."""
        progress = self._total.progress(self.now, self.phase, self._plan.scheduled)
        told = [("phase", f"{self.phase}, {self.now:.0f} s"), *figures(progress)]
        began_at = self.outcome.began_at_epoch_s
        if began_at is None or self.outcome.is_over:
            return told
        if self._live is None:
            self._live = LiveView(self._folder, began_at, self._plan.scenario.time_scale)
        return [*told, *self._live.rows(self.now)]

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
        return "playing" if self.now < self._plan.duration else "draining"

    def _stop(self) -> None:
        self._send_all(STOP, {"refusal": None})
        self._over.wait(STOP_TIMEOUT_S)
        self._finish()

    def _start(self) -> None:
        began_at = time.time() + START_DELAY_S
        self.outcome.began_at_epoch_s = began_at
        self.outcome.write(self._generator / "outcome.json")
        self._send_all(START, {"began_at_epoch_s": began_at})

    def _refuse(self, reason: str) -> None:
        log.error("%s", reason)
        self.outcome.refusal = reason
        self._send_all(STOP, {"refusal": reason})
        self._finish()

    def _watch(self) -> None:
        asked_at = time.monotonic()
        while not self._over.is_set():
            gevent.sleep(LOOK_EVERY_S)
            self._notice_lost()
            self._write_progress()
            if self.outcome.began_at_epoch_s is None and time.monotonic() - asked_at > READY_TIMEOUT_S:
                self._refuse(f"not every worker was ready within {READY_TIMEOUT_S:.0f} s")
            elif self._done >= set(self._expected) - self._lost:
                self._finish()

    def _notice_lost(self) -> None:
        gone = set(self._expected) - set(self._present()) - self._done - self._lost
        for worker in gone:
            self._lost.add(worker)
            self.outcome.lost += 1
            self.outcome.shortfalls.append(
                f"worker {self._expected.index(worker)} was lost at {self.now:.1f} s"
            )

    def _finish(self) -> None:
        if self._over.is_set():
            return
        self._over.set()
        self.outcome.ended_at_s = self.now
        self.outcome.is_over = True
        try:
            self.outcome.write(self._generator / "outcome.json")
            self._write_progress()
        finally:
            self._ended()

    def _write_progress(self) -> None:
        progress = self._total.progress(self.now, self.phase, self._plan.scheduled)
        progress.write(self._generator / "progress.json")

    @property
    def _is_disk_shared(self) -> bool:
        """Whether the workers are processes of this machine, by Locust's own doing."""
        options: Any = self._environment.parsed_options
        return not isinstance(self._runner, MasterRunner) or bool(options.processes)

    def _present(self) -> list[str]:
        if not isinstance(self._runner, MasterRunner):
            return ["local"]
        return [client.id for client in self._runner.clients.all if client.state != STATE_MISSING]

    def _send_all(self, kind: str, message: Any) -> None:
        for worker in self._expected:
            self._runner.send_message(kind, message, client_id=worker)
