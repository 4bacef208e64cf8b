"""
Would the verdict change if CloudWatch read what it does not publish otherwise?

A verdict that hangs on the evaluation range, on the percentile rule, or on the last 5 % before the threshold
is still given, but marked, so that nobody trusts it more than it deserves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.lab.alarms.alarm import MetricStat
from harness.lab.alarms.timeline import Reading, Samples, Timeline, evaluate

SURPLUSES = (1, 2, 4)
NEAR = 0.05


def doubts(
    timeline: Timeline, samples: Mapping[MetricStat, Samples], start: float, end: float, reading: Reading
) -> Iterable[str]:
    """Yield, in words, each other reading under which the alarm would have fired, or not fired."""
    alarm, fired = timeline.alarm, timeline.fired_at is not None

    def would_fire(other: Reading, factor: float = 1.0) -> bool:
        played = evaluate(alarm.scaled(factor), samples, start=start, end=end, reading=other)
        return played.fired_at is not None

    verb = "not have fired" if fired else "have fired"
    for surplus in SURPLUSES:
        if surplus != reading.surplus and would_fire(replace(reading, surplus=surplus)) != fired:
            yield f"with an evaluation range of N+{surplus} it would {verb}"
    if any(metric.statistic.is_percentile for _, metric in alarm.metrics):
        for method in ("linear", "higher"):
            if would_fire(replace(reading, method=method)) != fired:
                yield f"with {method} percentiles it would {verb}"
    if alarm.rule.threshold:
        for factor in (1 - NEAR, 1 + NEAR):
            if would_fire(reading, factor) != fired:
                yield f"with a threshold of {alarm.rule.threshold * factor:g} (5 % away) it would {verb}"
