"""The check that a world can play every fault of a scenario: a fault is refused by name, never ignored."""

from collections.abc import Iterator
from pathlib import Path

from harness.lab.workload.faults.fault_window import FaultWorld
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.scenario_file import Problem, ScenarioError


def must_play(scenario: Scenario, world: FaultWorld) -> None:
    """Raise `ScenarioError` with each fault of a scenario that a world cannot play."""
    name = Path(scenario.name or "scenario")
    if problems := [Problem(name, 0, text) for text in _unplayable(scenario, world)]:
        raise ScenarioError(*problems)


def _unplayable(scenario: Scenario, world: FaultWorld) -> Iterator[str]:
    for index, fault in enumerate(scenario.faults):
        if (reason := fault.unplayable_in(world)) is not None:
            yield f"{world} cannot play faults[{index}], {fault.action}: {reason}"
