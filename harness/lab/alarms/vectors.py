"""
Alarm cases from a file, evaluated and compared with their expected states.

A file is a JSON list. A *vector* has ``name, threshold, comparison, evaluation_periods, datapoints,
start_state, expected_state``. A *sequence* has ``steps`` instead, each with ``datapoints`` and
``expected_state``; the state carries over from step to step. Optional fields of both are
``datapoints_to_alarm`` (by default all), ``treat_missing`` (``missing``), ``period``, ``statistic`` or
``extended_statistic``, and ``evaluation_range`` (older datapoints are ignored). A vector or a step can also
have ``filled`` (the number of datapoints missing from N), ``transition`` (``OK->ALARM``, or null for none),
and, with ``evaluate_low_sample_count_percentile``, ``sample_counts``. Other fields, such as ``source`` or
``note``, are ignored.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.lab.alarms.alarm import checked_period, ignores_low_samples, number, whole
from harness.lab.alarms.evaluate import AlarmState, ComparisonOperator, Rule, TreatMissing, decide
from harness.lab.alarms.statistic import Statistic
from harness.lab.alarms.timeline import too_few_samples

Case = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """
    One result that differs from the expected one.

    Attributes:
        case: Place of its case in the file.
        name: Of the case, and of its step.
    """

    case: int
    name: str
    expected: str
    actual: str


def check_vectors(path: Path) -> tuple[int, list[Mismatch]]:
    """
    Evaluate every case of a file; return their number and the mismatches.

    Raises:
        ValueError: The file is not a list of valid cases; the message names the case and the field.
    """
    try:
        cases = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(cases, list) or not cases or not all(isinstance(case, dict) for case in cases):
        raise ValueError(f"{path} must be a JSON list of cases")
    mismatches: list[Mismatch] = []
    for position, case in enumerate(cases):
        name = str(case.get("name", f"case {position}"))
        try:
            mismatches += _mismatches(position, name, case)
        except KeyError as error:
            raise ValueError(f"{path}: {name} has no {error.args[0]!r}") from None
        except ValueError as error:
            raise ValueError(f"{path}: {name}: {error}") from None
    return len(cases), mismatches


def _mismatches(place: int, name: str, case: Case) -> Iterator[Mismatch]:
    """Yield the mismatches of a case; a vector is a sequence of one step."""
    state, rule = AlarmState(str(case["start_state"])), _rule(case)
    if "steps" not in case:
        for expected, actual in _evaluate_step(rule, case, state)[1]:
            yield Mismatch(place, name, expected, actual)
        return
    steps = case["steps"]
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
        raise ValueError("steps must be a list of datapoints and expected states")
    for position, step in enumerate(steps):
        state, found = _evaluate_step(rule, {**case, **step}, state)
        for expected, actual in found:
            yield Mismatch(place, f"{name}, step {position}", expected, actual)


def _evaluate_step(rule: Rule, case: Case, before: AlarmState) -> tuple[AlarmState, list[tuple[str, str]]]:
    """Return the state after a step, and what was expected and found where they differ."""
    decision = decide(rule, _datapoints(case), before)
    state = before if _too_few(case, rule) else decision.state
    found = [(str(AlarmState(str(case["expected_state"]))), str(state))]
    if "filled" in case:
        found.append((f"{whole(case['filled'], 'filled')} to fill", f"{decision.to_fill} to fill"))
    if "transition" in case:
        transition = "None" if state is before else f"{before}->{state}"
        found.append((str(case["transition"]).replace(" ", ""), transition))
    return state, [(expected, actual) for expected, actual in found if expected != actual]


def _rule(case: Case) -> Rule:
    if case.get("period") is not None:
        checked_period(case["period"])
    for key in ("statistic", "extended_statistic"):
        if case.get(key) is not None:
            Statistic.parse(str(case[key]))
    periods = whole(case["evaluation_periods"], "evaluation_periods")
    least = case.get("datapoints_to_alarm")
    return Rule(
        number(case["threshold"], "threshold"),
        ComparisonOperator(str(case["comparison"])),
        periods,
        periods if least is None else whole(least, "datapoints_to_alarm"),
        TreatMissing(str(case.get("treat_missing") or "missing")),
    )


def _datapoints(case: Case) -> list[float | None]:
    points = case["datapoints"]
    if not isinstance(points, list):
        raise ValueError("datapoints must be a list of numbers and nulls")
    for point in points:
        if point is not None and (isinstance(point, bool) or not isinstance(point, int | float)):
            raise ValueError(f"each of datapoints must be a number or null, not {point!r}")
    if case.get("evaluation_range") is None:
        return points
    length = whole(case["evaluation_range"], "evaluation_range")
    if length < 1:
        raise ValueError(f"evaluation_range must be at least 1, not {length}")
    return points[-length:]


def _too_few(case: Case, rule: Rule) -> bool:
    if not ignores_low_samples(case, "evaluate_low_sample_count_percentile") or "sample_counts" not in case:
        return False
    counts = case["sample_counts"]
    if not isinstance(counts, list):
        raise ValueError("sample_counts must be a list of numbers")
    needed = Statistic.parse(str(case["extended_statistic"])).samples_needed()
    numbers = [whole(count, "each of sample_counts") for count in counts]
    return too_few_samples(numbers, needed, rule.evaluation_periods)
