"""The threshold of the alarm on processing times, which charts show as the alarm line [model s]."""

from functools import cache

from harness.lab.gate.verdict import Verdict
from harness.lab.results.metric_names import PROCESSING_DURATION


def alarm_line(verdict: Verdict | None) -> float | None:
    """Return the lowest threshold on processing times in a verdict, or else in the blueprint."""
    if verdict is None:
        return _of_the_blueprint()
    thresholds = [one.threshold for one in verdict.alarms if one.threshold]
    return min((each.value for each in thresholds if each.metric == PROCESSING_DURATION), default=None)


@cache
def _of_the_blueprint() -> float | None:
    from harness.blueprint.template import load_alarms

    alarms = [one.properties for one in load_alarms()]
    thresholds = [float(one["Threshold"]) for one in alarms if one.get("MetricName") == PROCESSING_DURATION]
    return min(thresholds, default=None)
