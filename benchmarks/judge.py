"""
Suite ``judge``: the speed of alarm evaluation and of ``harness check``.

Evaluation is compared with a naive evaluator and with sorting the same values, the start of the command with
the start of a bare interpreter.
"""

import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.figure import Figure, seconds
from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.sensitivity import sensitivities
from harness.lab.alarms.timeline import EvaluationRules, Periods, Samples, Timeline, evaluate

HOUR = 3600.0
FEW = 20_000
MANY = 1_000_000


def figures() -> Iterator[Figure]:
    """Yield the figures of the alarm evaluation."""
    alarm = p95_alarm()
    few, many = samples(FEW), samples(MANY)
    ours, naive = seconds(lambda: timeline_of(alarm, few)), seconds(lambda: naive_transitions(few), tries=1)
    if [one.at for one in timeline_of(alarm, few).transitions] != naive_transitions(few):
        raise AssertionError("the two evaluators disagree")
    yield Figure(f"alarm over {FEW} datapoints", ours, "s", naive / ours, "faster than a naive evaluator")
    whole, sort = seconds(lambda: _verdict(alarm, many)), seconds(lambda: np.sort(many.values))
    against = "the time to sort them once"
    yield Figure(f"verdict over {MANY} datapoints, with its sensitivity", whole, "s", whole / sort, against)
    check = [sys.executable, "-m", "harness.cli.main", "check", "--help"]
    start, bare = seconds(lambda: _run(check)), seconds(lambda: _run([sys.executable, "-c", "pass"]))
    yield Figure("start of harness check", start, "s", start / bare, "a bare interpreter")


def p95_alarm() -> Alarm:
    """Return an alarm on the p95 of one metric: 2 of 3 periods of a minute above 125."""
    return Alarm.from_properties(
        {
            "AlarmName": "p95", "Namespace": "N", "MetricName": "M", "ExtendedStatistic": "p95", "Period": 60,
            "EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 125.0,
            "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "notBreaching",
        }
    )  # fmt: skip


def samples(count: int) -> Samples:
    """Return so many values of the metric, spread over an hour."""
    draws = np.random.default_rng(7)
    return Samples.of(draws.uniform(0, HOUR, count), draws.lognormal(4.0, 0.5, count))


def timeline_of(alarm: Alarm, recorded: Samples) -> Timeline:
    """Return the states of *alarm* over the hour."""
    return evaluate(alarm, Periods(alarm, {alarm.metrics[0][1]: recorded}), start=0.0, end=HOUR)


def _verdict(alarm: Alarm, recorded: Samples) -> list[str]:
    by_metric = {alarm.metrics[0][1]: recorded}
    periods = Periods(alarm, by_metric)
    timeline = evaluate(alarm, periods, start=0.0, end=HOUR)
    return list(sensitivities(timeline, by_metric, periods, start=0.0, end=HOUR, rules=EvaluationRules()))


def naive_transitions(recorded: Samples) -> list[float]:
    """Return when the alarm's state changes, reading every row again for each datapoint of each minute."""
    rows = list(zip(recorded.at.tolist(), recorded.values.tolist(), strict=True))
    state, changes = "INSUFFICIENT_DATA", []
    for minute in range(1, int(HOUR) // 60 + 1):
        points = []
        for age in range(5, 0, -1):
            start = 60.0 * (minute - age)
            values = sorted(value for at, value in rows if start <= at < start + 60.0)
            if values:
                points.append(values[-(-len(values) * 95 // 100) - 1])
        new = "ALARM" if sum(point > 125.0 for point in points[-3:]) >= 2 else "OK"
        if new != state:
            state = new
            changes.append(60.0 * minute)
    return changes


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)
