"""
The alarms of a CloudFormation template as resolved properties in AWS's spelling.

``PutMetricAlarm``, ``PutCompositeAlarm`` and ``DescribeAlarms`` use the same property names, so that the
properties can be sent to an endpoint or read as an alarm without a conversion.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.blueprint.document import Declared, TemplateDocument
from harness.blueprint.intrinsics import Resolver

METRIC_ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE_ALARM = "AWS::CloudWatch::CompositeAlarm"


_REQUIRED = {METRIC_ALARM: ("ComparisonOperator", "EvaluationPeriods"), COMPOSITE_ALARM: ("AlarmRule",)}
_COMMON = {
    "ActionConfiguration", "ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmName",
    "InsufficientDataActions", "OKActions", "Tags",
}  # fmt: skip
_PROPERTIES = {
    METRIC_ALARM: _COMMON | {
        "ComparisonOperator", "DatapointsToAlarm", "Dimensions", "EvaluateLowSampleCountPercentile",
        "EvaluationCriteria", "EvaluationInterval", "EvaluationPeriods", "EvaluationWindow",
        "ExtendedStatistic", "MetricName", "Metrics", "Namespace", "Period", "Statistic", "Threshold",
        "ThresholdMetricId", "TreatMissingData", "Unit", "WarmUpConfiguration",
    },
    COMPOSITE_ALARM: _COMMON | {
        "ActionsSuppressor", "ActionsSuppressorExtensionPeriod", "ActionsSuppressorWaitPeriod", "AlarmRule",
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AlarmResource:
    """
    One alarm of a template.

    Its properties are resolved, with numbers as numbers. ``AlarmName`` is always present, by default with the
    logical id.
    """

    type: str
    properties: Mapping[str, Any]
    path: Path
    line: int

    @property
    def name(self) -> str:
        return str(self.properties["AlarmName"])

    @property
    def is_composite(self) -> bool:
        return self.type == COMPOSITE_ALARM


def read_alarms(document: TemplateDocument, resolver: Resolver) -> Iterator[AlarmResource]:
    """Yield the alarms of a template in the order of the file, without those whose Condition is false."""
    for declared in document.resources.values():
        if declared.type in _REQUIRED and resolver.exists(declared):
            yield _read_alarm(document, declared, resolver)


def _read_alarm(document: TemplateDocument, declared: Declared, resolver: Resolver) -> AlarmResource:
    properties = resolver.properties(declared)
    properties.setdefault("AlarmName", declared.logical_id)
    for name in properties:
        if name not in _PROPERTIES[declared.type]:
            line = declared.properties.lines.get(name, declared.line)
            raise document.wrong(line, f"{name} is not a property of {declared.type}")
    for name in _REQUIRED[declared.type]:
        if name not in properties and "EvaluationCriteria" not in properties:
            raise document.wrong(declared.line, f"the alarm {declared.logical_id} lacks {name}")
    try:
        typed = {name: _typed(name, value) for name, value in properties.items()}
    except ValueError as error:
        raise document.wrong(declared.line, f"the alarm {declared.logical_id}: {error}") from None
    return AlarmResource(declared.type, typed, document.path, declared.line)


def _typed(name: str, value: Any) -> Any:
    """Return *value* with numbers and booleans typed; CloudFormation also accepts them as text."""
    if name == "AlarmRule":
        return " ".join(str(value).split())
    if name in _BOOLEANS:
        if str(value).lower() not in ("true", "false"):
            raise ValueError(f"{name} must be true or false, not {value!r}")
        return str(value).lower() == "true"
    if name in _NUMBERS:
        try:
            return _NUMBERS[name](value)
        except (TypeError, ValueError):
            kind = "number" if _NUMBERS[name] is float else "whole number"
            raise ValueError(f"{name} must be a {kind}, not {value!r}") from None
    if isinstance(value, list):
        return [_typed("", member) for member in value]
    if isinstance(value, dict):
        return {key: _typed(key, member) for key, member in value.items()}
    return value


_BOOLEANS = ("ActionsEnabled", "ReturnData")
_NUMBERS: Mapping[str, type[int | float]] = {
    "ActionsSuppressorExtensionPeriod": int,
    "ActionsSuppressorWaitPeriod": int,
    "DatapointsToAlarm": int,
    "EvaluationInterval": int,
    "EvaluationPeriods": int,
    "Period": int,
    "Threshold": float,
}
