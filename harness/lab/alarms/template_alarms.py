"""The alarms of a CloudFormation template, ready to be evaluated."""

from collections.abc import Iterable
from pathlib import Path

from harness.blueprint.alarm_resources import AlarmResource
from harness.blueprint.template import TEMPLATE, load_alarms
from harness.lab.alarms.alarm import Alarm, Place
from harness.lab.alarms.composite import CompositeAlarm


def template_alarms(path: Path = TEMPLATE) -> list[Alarm | CompositeAlarm]:
    """Return the alarms of a template (by default the project's own) in its order."""
    return read_resources(load_alarms(path))


def metric_alarms() -> list[Alarm]:
    """Return the metric alarms of the project's own template."""
    return [alarm for alarm in template_alarms() if isinstance(alarm, Alarm)]


def read_resources(resources: Iterable[AlarmResource]) -> list[Alarm | CompositeAlarm]:
    """Return the alarms that the resources of a template define."""
    return [
        (CompositeAlarm if resource.is_composite else Alarm).from_properties(
            resource.properties, place=Place(_relative(resource.path), resource.line)
        )
        for resource in resources
    ]


def _relative(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return path.name
