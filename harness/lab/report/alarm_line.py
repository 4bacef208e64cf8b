"""
Where the alarm on processing times draws its line [model s].
"""

from functools import cache
from typing import TYPE_CHECKING

from harness.lab.results.durations import PROCESSING

if TYPE_CHECKING:
    from harness.lab.gate.verdict import Verdict


def alarm_line(verdict: "Verdict | None") -> float | None:
    """
    Return the lowest threshold of the alarms a run was judged by, or of the blueprint's if it was not.

    None if none of them watches processing times.
    """
    if verdict is None:
        return _of_the_blueprint()
    lines = [
        one.threshold.value for one in verdict.alarms if one.threshold and one.threshold.metric == PROCESSING
    ]
    return min(lines, default=None)


@cache
def _of_the_blueprint() -> float | None:
    from harness.blueprint.template import load_alarms

    lines = [
        float(one.properties["Threshold"])
        for one in load_alarms()
        if one.properties.get("MetricName") == PROCESSING
    ]
    return min(lines, default=None)
