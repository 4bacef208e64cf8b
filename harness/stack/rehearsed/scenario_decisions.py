"""The faults of a scenario at the calls of a rehearsed run, and its kills of processes."""

from collections.abc import Sequence
from functools import partial

from harness.lab.workload.faults.process_faults import ProcessKill
from harness.lab.workload.scenario import Scenario
from harness.service.rehearsal.fault_decisions import FaultDecision, FaultDecisions, Strike
from harness.service.rehearsal.rehearsed_service import RehearsedService
from harness.states_language.host import nanoseconds

DEPENDENCIES = {"database": ("database",), "s3": ("storage",), "aws": ("queue", "workflow")}
"""The dependencies that are away while a part is killed; API and worker are processes themselves."""
FOR_THE_RUN = 400 * 86_400.0


class ScenarioDecisions(FaultDecisions):
    """No fault strikes at a call by chance: the faults of a scenario have times and rates of their own."""

    def __init__(self) -> None:
        self.taken = []

    def at(self, task: str, call: str, strikes: Sequence[Strike]) -> FaultDecision | None:
        del task, call, strikes
        return None

    def heal(self) -> None:
        """Let no fault strike from now on."""


def plan_kills(scenario: Scenario, service: RehearsedService) -> None:
    """Let the kills of a scenario happen at their times."""
    for fault in scenario.faults:
        if isinstance(fault, ProcessKill):
            service.around.time.call_in(nanoseconds(fault.at), partial(_kill, fault, service))


def _kill(fault: ProcessKill, service: RehearsedService) -> None:
    away = fault.restart or FOR_THE_RUN
    around = service.around
    if fault.target in ("api", "worker"):
        (service.api if fault.target == "api" else service.worker).crash(away)
        return
    around.tell(f"{fault.target} is killed", fault.target)
    for dependency in DEPENDENCIES[fault.target]:
        around.outages[dependency] = around.time.now + nanoseconds(away)
        around.breaks[dependency] = around.breaks.get(dependency, 0) + 1
