"""
The threshold of the alarm on processing times, which charts show as the alarm line [model s].
"""

from functools import cache
from typing import TYPE_CHECKING

from harness.lab.results.metric_names import PROCESSING_DURATION

if TYPE_CHECKING:
    from harness.lab.gate.verdict import Verdict


def alarm_line(verdict: "Verdict | None") -> float | None:
    """
    Return the lowest threshold among the alarms of a verdict, or of the blueprint if there is no verdict.

    None if no alarm watches processing times.
    """
    if verdict is None:
        return _of_the_blueprint()
    thresholds = [
        one.threshold.value
        for one in verdict.alarms
        if one.threshold and one.threshold.metric == PROCESSING_DURATION
    ]
    return min(thresholds, default=None)


@cache
def _of_the_blueprint() -> float | None:
    from harness.blueprint.template import load_alarms

    thresholds = [
        float(one.properties["Threshold"])
        for one in load_alarms()
        if one.properties.get("MetricName") == PROCESSING_DURATION
    ]
    return min(thresholds, default=None)
