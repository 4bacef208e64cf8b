"""
Alarm cases from a file: others can bring their own and see whether the judge agrees.

A file is a JSON list. A *vector* has ``name, threshold, comparison, evaluation_periods, datapoints_to_alarm,
treat_missing, datapoints, start_state, expected_state`` and may have ``filled``, ``extended_statistic``,
``evaluate_low_sample_count_percentile`` and ``sample_counts``; a *sequence* has ``steps`` of ``datapoints``
and ``expected_state`` instead, and carries the state along.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.lab.alarms.evaluate import AlarmState, Comparison, Rule, TreatMissing, decide
from harness.lab.alarms.statistic import Statistic

Case = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One case the judge sees otherwise."""

    name: str
    expected: str
    judged: str


def check_vectors(path: Path) -> tuple[int, list[Mismatch]]:
    """
    Judge every case of a file.

    Returns:
        How many cases there were, and those that came out otherwise.

    Raises:
        ValueError: The file is no list of cases; the message names the case and what it lacks.
    """
    try:
        cases = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
        raise ValueError(f"{path} must be a JSON list of cases")
    mismatches: list[Mismatch] = []
    for number, case in enumerate(cases):
        name = str(case.get("name", f"case {number}"))
        try:
            mismatches += _sequence(name, case) if "steps" in case else _vector(name, case)
        except KeyError as error:
            raise ValueError(f"{path}: {name} has no {error.args[0]!r}") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {name}: {error}") from None
    return len(cases), mismatches


def _vector(name: str, case: Case) -> list[Mismatch]:
    start = AlarmState(str(case["start_state"]))
    decision = decide(_rule(case), _datapoints(case), start)
    state = start if _too_few(case) else decision.state
    found = [Mismatch(name, str(case["expected_state"]), state)] if state != case["expected_state"] else []
    if "filled" in case and decision.to_fill != case["filled"]:
        found.append(Mismatch(name, f"{case['filled']} to fill", f"{decision.to_fill} to fill"))
    return found


def _sequence(name: str, case: Case) -> list[Mismatch]:
    state, rule = AlarmState(str(case["start_state"])), _rule(case)
    steps = case["steps"]
    if not isinstance(steps, list):
        raise ValueError("steps must be a list")
    found = []
    for number, step in enumerate(steps):
        state = decide(rule, _datapoints(step), state).state
        if state != step["expected_state"]:
            found.append(Mismatch(f"{name}, step {number}", step["expected_state"], state))
    return found


def _rule(case: Case) -> Rule:
    return Rule(
        float(str(case["threshold"])),
        Comparison(str(case["comparison"])),
        int(str(case["evaluation_periods"])),
        int(str(case.get("datapoints_to_alarm") or case["evaluation_periods"])),
        TreatMissing(str(case.get("treat_missing") or "missing")),
    )


def _datapoints(case: Case) -> list[float | None]:
    points = case["datapoints"]
    if not isinstance(points, list):
        raise ValueError("datapoints must be a list of numbers and nulls")
    for point in points:
        if point is not None and (isinstance(point, bool) or not isinstance(point, int | float)):
            raise ValueError(f"the datapoint {point!r} is no number")
    return points


def _too_few(case: Case) -> bool:
    if case.get("evaluate_low_sample_count_percentile") != "ignore" or "sample_counts" not in case:
        return False
    counts = case["sample_counts"]
    if not isinstance(counts, list):
        raise ValueError("sample_counts must be a list of numbers")
    present = [count for count in counts if count][-int(str(case["evaluation_periods"])) :]
    wanted = Statistic.parse(str(case["extended_statistic"])).samples_wanted()
    return bool(present) and sum(present) < wanted
