"""
What was asked for: the command line itself, and the scenario as it adjusts it.
"""

import shlex
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from harness.lab.alarms.template_alarms import template_alarms
from harness.lab.gate.objective import Objective
from harness.lab.workload.calibration import load_calibration
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.lab.workload.scenario_file import Problem, ScenarioError


def command_line() -> str:
    """Return how this process was asked."""
    return shlex.join(["harness", *sys.argv[1:]])


def read(
    path: Path,
    changes: Mapping[str, str] | None = None,
    *,
    calibration: Path | None = None,
    rate: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    users: int | None = None,
) -> Scenario:
    """
    Read a scenario and adjust it as was said on the command line.

    Args:
        changes: TOML values by dotted key, set before anything else but what was measured.
        calibration: The file of what was measured.

    Raises:
        ScenarioError: The file is no scenario, an objective is none, or an adjustment makes no sense.
    """
    measured = load_calibration(calibration) if calibration is not None else None
    scenario = load_scenario(path, changes, calibration=measured)
    problems = list(_wrong_objectives(path, scenario))
    try:
        if users is not None:
            scenario = scenario.closed(users)
        if duration is not None:
            scenario = scenario.lasting(duration)
        if rate is not None:
            scenario = scenario.at_rate(rate)
        if seed is not None:
            scenario = scenario.seeded(seed)
    except ValueError as error:
        problems.append(Problem(path, 0, str(error)))
    if problems:
        raise ScenarioError(*problems)
    return scenario


def _wrong_objectives(path: Path, scenario: Scenario) -> Iterator[Problem]:
    for each in scenario.objectives:
        try:
            objective = Objective.parse(each.expression)
        except ValueError as error:
            yield Problem(path, each.line, str(error))
            continue
        if objective.function == "alarm" and objective.selector not in (known := _known_alarms()):
            yield Problem(
                path,
                each.line,
                f"{each.expression!r}: there is no alarm {objective.selector!r}; "
                f"there are {', '.join(known)}",
            )


@cache
def _known_alarms() -> list[str]:
    """Return the names of the alarms that a run is judged by when it has been played."""
    return sorted(alarm.name for alarm in template_alarms())
