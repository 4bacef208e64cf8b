"""A worker's part of a run: prepare, start with the others, play, report."""

import logging
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import Runner

from harness.lab.load.clients.payloads import filler, real_media
from harness.lab.load.locust.messages import DEFECT, DONE, PART, PROGRESS, READY
from harness.lab.load.locust.worker_run import WorkerRun, WorkerShare, avoid_pauses
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.writer import PARTS
from harness.lab.workload.scenario import Scenario

REPORT_EVERY_S = 0.5

log = logging.getLogger(__name__)


class LoadWorker:
    """
    One worker of one run; it answers the coordinator's messages.

    Args:
        message: The coordinator's ``PLAN`` message.
        scenario_hash: Hash of the only scenario that this worker accepts; None to accept any.
    """

    def __init__(self, runner: Runner, message: Mapping[str, Any], scenario_hash: str | None = None) -> None:
        self._environment = runner.environment
        self._send = runner.send_message
        self._message = message
        self._received_at_epoch_s = time.time()
        self._scenario_hash = scenario_hash
        self._index: int = message["index"]
        self._own_disk = TemporaryDirectory(prefix="harness-load-")
        self._run: WorkerRun | None = None
        self._finished = Event()
        self._is_finishing = False

    def prepare(self) -> None:
        """Do everything that takes time before the run begins, and tell the coordinator."""
        # In a thread: Locust regards a worker as lost that does not respond for seconds.
        handshake = gevent.get_hub().threadpool.apply(self._handshake)
        avoid_pauses()
        times = {"received_at_epoch_s": self._received_at_epoch_s, "sent_at_epoch_s": time.time()}
        self._send(READY, {"handshake": handshake, **times})

    def start(self, message: Mapping[str, Any]) -> None:
        """Play this worker's share, from the common beginning."""
        self._run = WorkerRun(
            self._environment,
            self._share,
            began_at_epoch_s=message["began_at_epoch_s"],
            folder=Path(self._message["folder"] or self._own_disk.name),
            ended=lambda: gevent.spawn(self.finish, is_over=True),
            failed=lambda reason: self._send(DEFECT, {"reason": reason}),
        )
        self._reporting = gevent.spawn(self._report_until_killed, self._run)

    def finish(self, *, is_over: bool) -> None:
        """
        Stop, write everything that was recorded, and tell the coordinator. A second call only waits.

        Args:
            is_over: Whether the whole run is over; False if only this worker ends.
        """
        if self._is_finishing:
            self._finished.wait()
            return
        self._is_finishing = True
        if self._run is not None:
            self._reporting.kill()
            defect = self._stop_and_send_parts(self._run)
            report = self._run.last_report()
            if defect is not None:
                report["shortfalls"].append(f"worker {self._index} failed: {defect}")
            if not is_over:
                report["shortfalls"].append(
                    f"worker {self._index} was stopped early; its other arrivals are missing"
                )
            self._send(DONE, report)
        self._own_disk.cleanup()
        self._finished.set()

    def _stop_and_send_parts(self, run: WorkerRun) -> str | None:
        """Stop the run and send its tables; return what went wrong."""
        try:
            run.stop()
            self._send_parts()
        except Exception as error:
            # Raised further, it would end this greenlet, and the coordinator would wait for the last message.
            log.exception("finishing")
            return f"{type(error).__name__}: {error}"
        return None

    def _handshake(self) -> dict[str, str]:
        """Prepare this worker's share; return the handshake, or why the plan cannot be played here."""
        try:
            self._share = self._make_share()
            handshake = self._share.plan.handshake()
        except ValueError as error:
            handshake = {"version": version("media-harness"), "refusal": str(error)}
        return handshake if self._scenario_hash is None else {**handshake, "scenario": self._scenario_hash}

    def _make_share(self) -> WorkerShare:
        identities = Path(self._own_disk.name, "identities.csv")
        identities.write_bytes(self._message["identities"])
        plan = RunPlan.read(Scenario.model_validate_json(self._message["scenario"]), identities)
        workers = self._message["workers"]
        if plan.scenario.media == "placeholder":
            payload_of = filler(plan.scenario.placeholder_bytes)
        else:
            batches = (arrival.batch for arrival in plan.share(self._index, workers))
            payload_of = real_media(batches, Path(self._own_disk.name, "media"), plan.scenario.seed)
        return WorkerShare(plan, payload_of, self._index, workers)

    def _report_until_killed(self, run: WorkerRun) -> None:
        while True:
            gevent.sleep(REPORT_EVERY_S)
            self._send(PROGRESS, run.report())

    def _send_parts(self) -> None:
        """Send the coordinator the tables that are not on its disk."""
        for path in sorted(Path(self._own_disk.name, PARTS).glob("*.arrows")):
            with path.open("rb") as file:
                while piece := file.read(1 << 20):
                    self._send(PART, {"file": path.name, "bytes": piece})
