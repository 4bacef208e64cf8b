"""Reading of a scenario that will be played: its objectives are checked, and options change it."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from harness.lab.alarms.template_alarms import template_alarms
from harness.lab.gate.abort.abort_rule import abort_rules, aborting_alarms
from harness.lab.gate.objective import Objective, is_metric
from harness.lab.gate.request_names import unknown_request
from harness.lab.results.metric_names import SERVICE_METRICS
from harness.lab.workload.calibration import EXTRAPOLATED, Calibration, load_calibration
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.lab.workload.scenario_file import Problem, ScenarioError

ARRIVALS = 500
"""Arrivals of a scenario that are compared with the range of its calibration."""


def read_scenario(
    path: Path,
    overrides: Mapping[str, str] | None = None,
    *,
    calibration: Path | None = None,
    rate: float | None = None,
    duration: float | None = None,
    seed: int | None = None,
    users: int | None = None,
) -> Scenario:
    """
    Return the scenario of a file with its changes.

    Args:
        overrides: TOML values by dotted key, set before the changes that follow.
        rate: Mean arrival rate [1/s of model time].
        duration: Time during which arrivals come [model s].
        users: Number of users of a closed workload; it replaces the arrivals.

    Raises:
        ScenarioError: The file, an objective or a change is not valid.
    """
    measured = load_calibration(calibration) if calibration is not None else None
    scenario = load_scenario(path, overrides, calibration=measured)
    problems = list(_invalid_objectives(path, scenario))
    try:
        scenario = scenario.changed(rate=rate, duration=duration, seed=seed, users=users)
    except ValueError as error:
        problems.append(Problem(path, 0, str(error)))
    if not problems:
        problems += _impossible_aborts(path, scenario)
    if problems:
        raise ScenarioError(*problems)
    return scenario if measured is None else _with_range(measured, scenario)


def _with_range(measured: Calibration, scenario: Scenario) -> Scenario:
    """Note in the scenario what the calibration was not measured for."""
    mix = Mix(scenario)
    outside = measured.outside_range([mix.batch(arrival) for arrival in range(ARRIVALS)])
    if not outside:
        return scenario
    return scenario.model_copy(
        update={"calibration": f"{scenario.calibration}; {EXTRAPOLATED}{'; '.join(outside)}"}
    )


def _impossible_aborts(path: Path, scenario: Scenario) -> Iterator[Problem]:
    for each in scenario.objectives:
        one = scenario.model_copy(update={"objectives": (each,)})
        try:
            abort_rules(one)
            aborting_alarms(one)
        except ValueError as error:
            yield Problem(path, each.line, str(error))


def _invalid_objectives(path: Path, scenario: Scenario) -> Iterator[Problem]:
    for each in scenario.objectives:
        try:
            objective = Objective.parse(each.expression)
        except ValueError as error:
            yield Problem(path, each.line, str(error))
            continue
        if text := _unknown_selector(objective):
            yield Problem(path, each.line, f"{each.expression!r}: {text}")


def _unknown_selector(objective: Objective) -> str | None:
    """Return why an objective selects nothing in any run, or None if it can select something."""
    if objective.function == "alarm":
        if objective.selector in (known := _known_alarms()):
            return None
        close = get_close_matches(objective.selector, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the alarms are {', '.join(known)}"
        return f"there is no alarm {objective.selector!r}; {hint}"
    if objective.function == "achieved":
        return None
    if is_metric(objective.selector):
        return _misspelt_metric(objective.selector)
    return unknown_request(objective.selector)


def _misspelt_metric(name: str) -> str | None:
    """Return which metric was meant; another service may have metrics of other names."""
    close = () if name in SERVICE_METRICS else get_close_matches(name, SERVICE_METRICS, n=1, cutoff=0.85)
    return f"there is no metric {name!r}; did you mean {close[0]}?" if close else None


@cache
def _known_alarms() -> list[str]:
    """Return the names of the alarms that are evaluated after a run."""
    return sorted(alarm.name for alarm in template_alarms())
