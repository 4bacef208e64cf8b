"""Runs that are started from Locust's page: each gets its identities, is recorded and finished."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.lab.load.live_run import LiveRun, ServiceAccess
from harness.lab.load.locust_process import ONE_WORKER, LocalWorkers, LocustProcess, page_port
from harness.lab.load.preflight.preflight import Unreachable
from harness.lab.load.run_permission import RunRequest, pending_requests
from harness.lab.results.run import Run
from harness.lab.results.writer import FolderUnfit
from harness.lab.workload.identities import IdentitiesInvalid
from harness.lab.workload.scenario import Scenario

SCENARIOS = "HARNESS_SCENARIOS"
"""Environment variable: the scenario files that the page offers, separated as paths are."""

Provide = Callable[[Scenario], AbstractContextManager[ServiceAccess]]
"""Opens access for a scenario, as long as the context is open; raises ValueError if that is impossible."""


@dataclass
class WebPageRuns:
    """
    Locust's page and the runs that are started from it, one after the other.

    Attributes:
        host: Base URL of the service.
        runs: Folder for the run folders.
        on_run: Called with each run when it is over.
        command: The command line that opened the page; it is kept with every run.
    """

    host: str
    runs: Path
    provide: Provide
    on_run: Callable[[Run], None]
    workers: LocalWorkers = ONE_WORKER
    command: str | None = None
    _current: LiveRun | None = field(default=None, init=False)
    _contexts: ExitStack = field(default_factory=ExitStack, init=False)

    def serve(self, scenarios: Sequence[Path], on_open: Callable[[str], None]) -> None:
        """
        Open the page and finish every run started there, until interrupted.

        Args:
            scenarios: The scenario files that the page offers; the first one is preselected.
            on_open: Called with the page's URL.

        Raises:
            FolderUnfit: The folder for the runs cannot be made.
        """
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderUnfit(f"{self.runs} cannot hold runs: {error.strerror}") from None
        port = page_port()
        arguments = ["--web-host", "127.0.0.1", "--web-port", str(port), "--host", self.host]
        arguments += [*self.workers.arguments, "--run-folder", str(self.runs.resolve())]
        offered = os.pathsep.join(str(path.resolve()) for path in scenarios)
        locust = LocustProcess(self.runs / "locust.log", arguments, {SCENARIOS: offered})
        with closing(locust), self._contexts:
            on_open(f"http://127.0.0.1:{port}")
            locust.watch(partial(self._look, locust))
            self._finish()

    def _look(self, locust: LocustProcess) -> bool:
        for request in pending_requests(self.runs):
            self._answer(request)
        if self._current is not None and self._current.update(locust.pid).is_over:
            self._finish()
        return False  # until it is interrupted

    def _answer(self, request: RunRequest) -> None:
        try:
            access = self._contexts.enter_context(self.provide(request.scenario))
            run = LiveRun(
                request.scenario,
                request.folder,
                host=self.host,
                access=access,
                workers=self.workers.workers,
                command=self.command,
            )
        except (ValueError, IdentitiesInvalid, Unreachable) as error:
            self._contexts.close()
            request.refuse(str(error))
        else:
            self._current = run
            self._contexts.enter_context(closing(run))
            request.allow(access.identities)

    def _finish(self) -> None:
        if self._current is not None:
            run, self._current = self._current, None
            with self._contexts:
                self.on_run(run.finish(run.update()))
