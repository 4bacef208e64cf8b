"""A scenario played by the real core in virtual time, into a run folder. Times in seconds of model time."""

import os
import platform
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path

from harness.audit.auditor import audit
from harness.blueprint.template import load_template
from harness.lab.results.audit_file import write_audit
from harness.lab.results.run import Run, RunHeader
from harness.lab.results.writer import RunWriter, must_hold_a_run, new_run_folder
from harness.lab.sim.model.recording import FolderRecorder
from harness.lab.workload.arrivals.schedule import Schedule, schedule
from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.faults.playable import must_play
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.scenario_file import Problem, ScenarioError
from harness.service.rehearsal.played_schedule import quiet_service
from harness.service.rehearsal.virtual_step_functions import EPOCH
from harness.service.rehearsal.virtual_time import Runners, VirtualTime
from harness.stack.rehearsed.rehearsed_run_ledger import ledger_of_run
from harness.stack.rehearsed.scenario_client import ScenarioClient
from harness.stack.rehearsed.scenario_decisions import ScenarioDecisions, plan_process_faults
from harness.stack.rehearsed.scenario_service import QuietSurroundings, ScenarioService
from harness.states_language.host import NS, nanoseconds

ENGINE = "rehearsed"
LOOK_EVERY = 10 * NS
CORE = "rehearsal"
"""The source of the audit: everything that the core has stored."""


class CoreDefect(RuntimeError):
    """A task of the rehearsed service ended with an error that nothing handles; the message has it."""


def rehearse_scenario(
    scenario: Scenario,
    *,
    out: Path | None = None,
    progress: Callable[[float], None] | None = None,
    command: str | None = None,
) -> Run:
    """
    Play a scenario with the real use cases, loops and state machine in virtual time; return the run.

    Args:
        out: The run folder; by default a new one under ``runs``.
        progress: Called with the model time that has passed [s].
        command: The command that repeats the run, for its page.

    Raises:
        ScenarioError: The rehearsal cannot play a fault of the scenario, or the scenario has users.
        FolderUnfit: The run folder already holds a run, or cannot be written to.
        CoreDefect: An error that nothing handles ended a part of the service.
    """
    must_play(scenario, FaultWorld.REHEARSED)
    if scenario.users:
        name = Path(scenario.name or "scenario")
        raise ScenarioError(Problem(name, 0, "the rehearsal plays arrivals, not a closed workload (users)"))
    folder = out if out is not None else new_run_folder(scenario.name or "scenario", ENGINE)
    must_hold_a_run(folder)
    writer = RunWriter(folder, _header(scenario, folder))
    with writer.part() as part, quiet_service(), closing(Runners()) as runners:
        recorder = FolderRecorder()
        recorder.part = part
        played = _Play(scenario, recorder, VirtualTime(runners))
        end = played.run(progress or (lambda _: None))
        recorder.settle(at_least=1)
    run = writer.finish(duration_s=end, notes={"command": command} if command else {})
    write_audit(run.folder, CORE, audit(ledger_of_run(played.service, played.clients)))
    return run


class _Play:
    """One playing of a scenario."""

    def __init__(self, scenario: Scenario, recorder: FolderRecorder, time: VirtualTime) -> None:
        self._scenario = scenario
        self._recorder = recorder
        self._time = time
        around = QuietSurroundings(time, ScenarioDecisions(scenario, lambda: time.seconds))
        self.service = ScenarioService(around, scenario=scenario, folder=recorder)
        self.clients: list[ScenarioClient] = []
        self._present: dict[int, ScenarioClient] = {}
        self._is_over = False

    def run(self, progress: Callable[[float], None]) -> float:
        """Play until nothing is left to be done or the drain has ended; return the time of the end [s]."""
        time, scenario = self._time, self._scenario
        horizon = nanoseconds(scenario.duration_s + scenario.drain_s)
        self._recorder.horizon = horizon
        planned = schedule(scenario)
        self._plan_arrival(planned, 0)
        plan_process_faults(scenario, self.service)
        self.service.start()
        self.service.sample()
        time.call_in(LOOK_EVERY, partial(self._look, progress))
        try:
            time.run(horizon, lambda: self._is_over)
            if time.defects:
                name, error = time.defects[0]
                raise CoreDefect(f"{name}: {error!r}") from error
            for client in self._present.values():
                client.censor()
        finally:
            time.close()
        return time.seconds

    def _plan_arrival(self, planned: Schedule, arrival: int) -> None:
        """Let an arrival happen at its time, and plan the next one then."""
        if arrival == len(planned):
            return
        due_at = nanoseconds(float(planned.at[arrival]))

        def arrive() -> None:
            batch = planned.mix.batch(arrival, due_at / NS)
            client = ScenarioClient(self.service, planned.mix, batch, due_at)
            self.clients.append(client)
            self._present[arrival] = client
            self._time.spawn(f"arrival {arrival}", partial(self._visit, client))
            self._plan_arrival(planned, arrival + 1)

        self._time.call_in(due_at - self._time.now, arrive)

    def _visit(self, client: ScenarioClient) -> None:
        client.play()
        del self._present[client.batch.arrival]
        self._recorder.settle()

    def _look(self, progress: Callable[[float], None]) -> None:
        """See whether anything is left to be done."""
        progress(self._time.seconds)
        arrived = self._time.seconds >= self._scenario.duration_s
        self._is_over = bool(self._time.defects) or (arrived and not self._present and self._has_settled())
        if not self._is_over:
            self._time.call_in(LOOK_EVERY, partial(self._look, progress))

    def _has_settled(self) -> bool:
        """Return whether every job, message and execution has ended."""
        service = self.service
        if service.media.count_inflight_jobs() or service.media.list_outbox(limit=1):
            return False
        if any(client.waits_to_be_abandoned for client in self.clients):
            return False
        return not (service.queue.depth() or service.queue.dead_depth() or service.workflow.running)


def _header(scenario: Scenario, folder: Path) -> RunHeader:
    return RunHeader(
        id=folder.name,
        engine=ENGINE,
        scenario_name=scenario.name,
        scenario=scenario.model_dump(mode="json"),
        scenario_hash=scenario.hash,
        blueprint_hash=load_template(parameters={"CallbackUrl": ""}).hash,
        seed=scenario.seed,
        started_at=EPOCH,
        arrival_rate=scenario.arrival_rate,
        versions={"harness": version("media-harness"), "python": platform.python_version()},
        machine={"host": platform.node(), "processors": os.cpu_count() or 1},
        notes={"security": "assumed: no HTTP is spoken, so what HTTP or the bucket refuses was not tried"},
    )
