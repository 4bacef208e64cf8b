"""
The sensitivity of an alarm's result to rules that CloudWatch does not publish.

A verdict is marked if it would change with another evaluation range, another way to count low samples,
another percentile rule, or a threshold that is 5 % away.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.lab.alarms.alarm import Alarm, MetricStat
from harness.lab.alarms.statistic import PercentileMethod
from harness.lab.alarms.timeline import EvaluationRules, Periods, Samples, Timeline, evaluate

METHODS: tuple[PercentileMethod, ...] = ("linear", "higher")


def sensitivities(
    timeline: Timeline,
    samples: Mapping[MetricStat, Samples],
    periods: Periods,
    *,
    start: float,
    end: float,
    rules: EvaluationRules,
) -> Iterable[str]:
    """Yield each alternative under which the result would differ; first a remark on an alarm of one unit."""
    fired = timeline.fired_at is not None
    verb = "not have fired" if fired else "have fired"
    if timeline.alarm.unit is not None:
        yield f"it reads data in {timeline.alarm.unit} only; runs record no units, so they are taken to match"
    for words, alarm, other, alternative in _alternatives(timeline.alarm, samples, periods, rules):
        evaluated = evaluate(alarm, alternative, start=start, end=end, rules=other)
        if (evaluated.fired_at is not None) != fired:
            yield f"with {words} it would {verb}"


def _alternatives(
    alarm: Alarm, samples: Mapping[MetricStat, Samples], periods: Periods, rules: EvaluationRules
) -> Iterable[tuple[str, Alarm, EvaluationRules, Periods]]:
    for surplus in (1, 2, 4):
        if surplus != rules.surplus:
            yield f"an evaluation range of N+{surplus}", alarm, replace(rules, surplus=surplus), periods
    if alarm.ignore_low_samples and alarm.rule.evaluation_periods > 1:
        yield "low samples counted in each period", alarm, replace(rules, low_samples="period"), periods
    if alarm.rule.threshold:
        for factor in (0.95, 1.05):
            threshold = alarm.rule.threshold * factor
            yield f"a threshold of {threshold:g} (5 % away)", alarm.scaled(factor), rules, periods
    if any(metric.statistic.percent is not None for _, metric in alarm.metrics):
        for method in METHODS:
            yield f"{method} percentiles", alarm, rules, Periods(alarm, samples, method)
