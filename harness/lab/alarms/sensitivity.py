"""
Would the verdict change if CloudWatch read what it does not publish otherwise?

A verdict that hangs on the evaluation range, on the percentile rule, or on the last 5 % before the threshold
is still given, but marked, so that nobody trusts it more than it deserves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.lab.alarms.alarm import Alarm, MetricStat
from harness.lab.alarms.statistic import PercentileMethod
from harness.lab.alarms.timeline import EvaluationRules, Periods, Samples, Timeline, evaluate

SURPLUSES = (1, 2, 4)
METHODS: tuple[PercentileMethod, ...] = ("linear", "higher")
NEAR = 0.05


def doubts(
    timeline: Timeline,
    samples: Mapping[MetricStat, Samples],
    periods: Periods,
    *,
    start: float,
    end: float,
    reading: EvaluationRules,
) -> Iterable[str]:
    """
    Yield, in words, each other reading under which the alarm would have fired, or not fired.

    Args:
        periods: The datapoints of *samples*, as the timeline was played over them.
    """
    fired = timeline.fired_at is not None
    verb = "not have fired" if fired else "have fired"
    if timeline.alarm.unit is not None:
        yield f"it reads data in {timeline.alarm.unit} only; runs record no units, so they are taken to match"
    for words, alarm, other, seen in _others(timeline.alarm, samples, periods, reading):
        played = evaluate(alarm, seen, start=start, end=end, reading=other)
        if (played.fired_at is not None) != fired:
            yield f"with {words} it would {verb}"


def _others(
    alarm: Alarm, samples: Mapping[MetricStat, Samples], same: Periods, reading: EvaluationRules
) -> Iterable[tuple[str, Alarm, EvaluationRules, Periods]]:
    for surplus in SURPLUSES:
        if surplus != reading.surplus:
            yield f"an evaluation range of N+{surplus}", alarm, replace(reading, surplus=surplus), same
    if alarm.ignore_low_samples and alarm.rule.evaluation_periods > 1:
        yield "low samples counted in each period", alarm, replace(reading, low_samples="period"), same
    if alarm.rule.threshold:
        for factor in (1 - NEAR, 1 + NEAR):
            threshold = alarm.rule.threshold * factor
            yield f"a threshold of {threshold:g} (5 % away)", alarm.scaled(factor), reading, same
    if any(metric.statistic.is_percentile for _, metric in alarm.metrics):
        for method in METHODS:
            yield f"{method} percentiles", alarm, reading, Periods(alarm, samples, method)
