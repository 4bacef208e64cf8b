"""
Runs that people start from Locust's page: each is given its listings, recorded and finished.
"""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from harness.lab.load.launch import began_at, begin, finish, incomplete
from harness.lab.load.live_header import header
from harness.lab.load.locust_process import LocustProcess, page_port, worker_arguments
from harness.lab.load.outside_observer import Watch, outside
from harness.lab.load.preflight import Unreachable, preflight
from harness.lab.load.run_outcome import GENERATOR, RunOutcome
from harness.lab.load.run_permission import RunRequest, requests_in
from harness.lab.load.run_plan import RunPlan
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.writer import FolderUnfit, RunWriter
from harness.lab.workload.identities import IdentitiesInvalid
from harness.lab.workload.scenario import Scenario

SCENARIOS = "HARNESS_SCENARIOS"
"""Names, for Locust's process, the scenario files its form offers, separated as paths are."""

LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class People:
    """
    Who a run is played as, and what is recorded beside it.
    """

    identities: Path
    watch: Watch = field(default_factory=outside)


Provide = Callable[[Scenario], AbstractContextManager[People]]
"""Sees to identities for a scenario, as long as the context is open; raises ValueError when it cannot."""


def serve_page(
    scenarios: Sequence[Path],
    *,
    host: str,
    runs: Path,
    provide: Provide,
    on_open: Callable[[str], None],
    on_run: Callable[[Run], None],
    processes: int = 1,
    command: str | None = None,
) -> None:
    """
    Open Locust's page and finish every run started there, until interrupted.

    Args:
        scenarios: What the form offers; the first one is chosen already.
        runs: Under which the run folders are made.
        on_open: Told the page's address.
        on_run: Told each run when it is over.
        command: The command line that asked for the page; it is kept with every run.

    Raises:
        FolderUnfit: *runs* cannot be made.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderUnfit(f"{runs} cannot hold runs: {error.strerror}") from None
    port = page_port()
    arguments = ["--web-host", "127.0.0.1", "--web-port", str(port), "--host", host]
    arguments += [*worker_arguments(processes), "--run-folder", str(runs.resolve())]
    offered = os.pathsep.join(str(path.resolve()) for path in scenarios)
    locust = LocustProcess(runs / "locust.log", arguments, {SCENARIOS: offered})
    playing: _WebPageRun | None = None
    on_open(f"http://127.0.0.1:{port}")
    try:
        while True:
            try:
                ended = locust.wait(LOOK_EVERY_S)
                for request in requests_in(runs):
                    playing = _allow(
                        request, host, provide, partial(header, processes=processes, command=command)
                    )
                if playing is not None and playing.is_over(ended is not None):
                    on_run(playing.finish())
                    playing = None
                if ended is not None:
                    return
            except KeyboardInterrupt:
                locust.interrupt()
    finally:
        locust.close()


class _WebPageRun:
    """
    The run being played.
    """

    def __init__(self, request: RunRequest, people: People, held: ExitStack, told: RunHeader) -> None:
        self._request = request
        self._watch = people.watch
        self._held = held
        self._has_begun = False
        self._observed: Collection[str] | None = None
        self._generator = request.folder / GENERATOR
        self._writer = RunWriter(request.folder, told)

    def is_over(self, is_locust_gone: bool) -> bool:
        """Look after the run, and tell whether it is over."""
        began = began_at(self._generator)
        if began is not None and not self._has_begun:
            self._has_begun = True
            begin(self._writer, began)
            self._observed = self._held.enter_context(self._watch(self._request.folder, began))
        return is_locust_gone or (began is not None and self._outcome().is_over)

    def finish(self) -> Run:
        outcome = self._outcome()
        try:
            self._held.close()
        except (OSError, httpx.HTTPError) as error:
            outcome.shortfalls.append(incomplete(error))
        return finish(self._writer, self._request.scenario, outcome, self._observed)

    def _outcome(self) -> RunOutcome:
        path = self._generator / "outcome.json"
        return RunOutcome.read(path) if path.exists() else RunOutcome()


def _allow(
    request: RunRequest, host: str, provide: Provide, header_of: Callable[..., RunHeader]
) -> _WebPageRun | None:
    held = ExitStack()
    try:
        people = held.enter_context(provide(request.scenario))
        canary = preflight(host, RunPlan.read(request.scenario, people.identities))
    except (ValueError, IdentitiesInvalid, Unreachable) as error:
        held.close()
        request.refuse(str(error))
        return None
    playing = _WebPageRun(
        request,
        people,
        held,
        header_of(request.scenario, request.folder, remarks=[canary.told] if canary else []),
    )
    request.allow(people.identities)
    return playing
