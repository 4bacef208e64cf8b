"""
A worker's part of a run: prepare, start with the others, play, say how it went.
"""

import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment

from harness.lab.load.clients.payloads import Filler, MadeFiles, Payloads
from harness.lab.load.locust.messages import DONE, PART, PROGRESS, READY
from harness.lab.load.locust.worker_run import WorkerRun, settle_down
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.writer import PARTS
from harness.lab.workload.scenario import Scenario

REPORT_EVERY_S = 0.5
PIECE_BYTES = 1 << 20


class LoadWorker:
    """
    One worker of one run, as the conductor knows it.

    Args:
        message: What the conductor would like to be played.
        scenario_hash: Of the only scenario this worker will play; None for any.
    """

    def __init__(
        self, environment: Environment, message: Mapping[str, Any], scenario_hash: str | None = None
    ) -> None:
        self._environment = environment
        assert environment.runner is not None  # noqa: S101 - Locust makes it before a run can start
        self._runner = environment.runner
        self._message = message
        self._heard_at_epoch_s = time.time()
        self._scenario_hash = scenario_hash
        self._index: int = message["index"]
        self._own_disk = TemporaryDirectory(prefix="harness-load-")
        self._playing: WorkerRun | None = None
        self._finished = Event()
        self._is_finishing = False

    def prepare(self) -> None:
        """Make everything that takes time before the run begins, and say so."""
        threads = gevent.get_hub().threadpool
        # In a thread: a worker that does not answer for seconds is taken for lost.
        handshake = threads.apply(self._prepare)
        settle_down()
        self._send(
            READY,
            {
                "handshake": handshake,
                "heard_at_epoch_s": self._heard_at_epoch_s,
                "sent_at_epoch_s": time.time(),
            },
        )

    def start(self, message: Mapping[str, Any]) -> None:
        """Play this worker's share, from the common beginning."""
        self._playing = WorkerRun(
            self._environment,
            self._plan,
            self._payloads,
            index=self._index,
            workers=self._message["workers"],
            began_at_epoch_s=message["began_at_epoch_s"],
            folder=Path(self._message["folder"] or self._own_disk.name),
            ended=lambda: gevent.spawn(self.finish, is_over=True),
        )
        self._reporting = gevent.spawn(self._report_for_ever, self._playing)

    def finish(self, *, is_over: bool) -> None:
        """
        End now if not ended yet, write what there is, and say goodbye. Twice does nothing more.

        Args:
            is_over: All was played, or the conductor ends the run; else only this worker goes.
        """
        if self._is_finishing:
            self._finished.wait()
            return
        self._is_finishing = True
        if self._playing is not None:
            self._reporting.kill()
            self._playing.stop()
            self._send_parts()
            self._send(
                DONE,
                {
                    "report": self._playing.report(),
                    "health": self._playing.health.as_json(),
                    "shortfalls": [*self._playing.shortfalls, *self._desertion(is_over)],
                    "untried": self._playing.untried,
                },
            )
        self._own_disk.cleanup()
        self._finished.set()

    def _desertion(self, is_over: bool) -> list[str]:
        return [] if is_over else [f"worker {self._index} was stopped where it ran; its arrivals are missing"]

    def _prepare(self) -> dict[str, str]:
        """Return the handshake, with a refusal in it when the plan cannot be played here."""
        try:
            told = self._understand()
        except ValueError as error:
            told = {"version": version("media-harness"), "refusal": str(error)}
        return told if self._scenario_hash is None else {**told, "scenario": self._scenario_hash}

    def _understand(self) -> dict[str, str]:
        identities = Path(self._own_disk.name, "identities.csv")
        identities.write_bytes(self._message["identities"])
        self._plan = RunPlan.read(Scenario.model_validate_json(self._message["scenario"]), identities)
        self._payloads = self._make_payloads()
        return self._plan.handshake()

    def _make_payloads(self) -> Payloads:
        if self._plan.scenario.media == "placeholder":
            return Filler(self._plan.scenario.placeholder_bytes)
        made = MadeFiles(Path(self._own_disk.name, "media"), self._plan.scenario.seed)
        made.make(arrival.batch for arrival in self._plan.share(self._index, self._message["workers"]))
        return made

    def _report_for_ever(self, playing: WorkerRun) -> None:
        while True:
            gevent.sleep(REPORT_EVERY_S)
            self._send(PROGRESS, playing.report())

    def _send_parts(self) -> None:
        """Send the conductor the tables it cannot reach."""
        for path in sorted(Path(self._own_disk.name, PARTS).glob("*.arrows")):
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    self._send(PART, {"file": path.name, "bytes": piece})

    def _send(self, kind: str, message: dict[str, Any]) -> None:
        self._runner.send_message(kind, message)
