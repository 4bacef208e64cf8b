"""
The metric alarms of the blueprint, ready to be evaluated.
"""

from harness.blueprint import alarm_resources as blueprint
from harness.blueprint.template import load_alarms
from harness.lab.alarms.alarm import Alarm


def blueprint_alarms() -> list[Alarm]:
    """Return the alarms in the order of the template."""
    return [
        Alarm.from_properties(each.properties)
        for each in load_alarms()
        if isinstance(each, blueprint.MetricAlarmResource)
    ]
