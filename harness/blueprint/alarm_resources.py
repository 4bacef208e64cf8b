"""
The alarms of a CloudFormation template, as CloudWatch would be told of them.

An alarm's properties keep AWS's spelling, which is also that of ``PutMetricAlarm`` and
``DescribeAlarms``: who judges or provisions alarms reads all three alike.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.blueprint.document import Declared, TemplateDocument
from harness.blueprint.intrinsics import Resolver

METRIC_ALARM = "AWS::CloudWatch::Alarm"
COMPOSITE_ALARM = "AWS::CloudWatch::CompositeAlarm"

_COMMON = frozenset(
    {
        "ActionConfiguration",
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "AlarmName",
        "InsufficientDataActions",
        "OKActions",
        "Tags",
    }
)
_METRIC = _COMMON | {
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluateLowSampleCountPercentile",
    "EvaluationCriteria",
    "EvaluationInterval",
    "EvaluationPeriods",
    "EvaluationWindow",
    "ExtendedStatistic",
    "MetricName",
    "Metrics",
    "Namespace",
    "Period",
    "Statistic",
    "Threshold",
    "ThresholdMetricId",
    "TreatMissingData",
    "Unit",
    "WarmUpConfiguration",
}
_COMPOSITE = _COMMON | {
    "ActionsSuppressor",
    "ActionsSuppressorExtensionPeriod",
    "ActionsSuppressorWaitPeriod",
    "AlarmRule",
}


@dataclass(frozen=True, slots=True)
class MetricAlarmResource:
    """
    One ``AWS::CloudWatch::Alarm``.

    Attributes:
        name: ``AlarmName``, or the logical id where CloudFormation would make up a name.
        properties: Every property given, resolved, with numbers as numbers; ``AlarmName`` always.
        path, line: Where the template defines it.
    """

    name: str
    properties: Mapping[str, Any]
    path: Path
    line: int


@dataclass(frozen=True, slots=True)
class CompositeAlarmResource:
    """
    One ``AWS::CloudWatch::CompositeAlarm``; its fields are those of `MetricAlarmResource`.
    """

    name: str
    properties: Mapping[str, Any]
    path: Path
    line: int

    @property
    def rule(self) -> str:
        """``AlarmRule`` on one line, e.g. ``ALARM("a") OR ALARM("b")``."""
        return str(self.properties["AlarmRule"])


def read_alarms(
    document: TemplateDocument, resolver: Resolver
) -> Iterator[MetricAlarmResource | CompositeAlarmResource]:
    """
    Yield the alarms of a template in the order of the file, without those whose Condition is false.

    Raises:
        TemplateError: An alarm cannot be resolved, has an unknown property or lacks a needed one.
    """
    for declared in document.resources.values():
        if declared.type in (METRIC_ALARM, COMPOSITE_ALARM) and resolver.exists(declared):
            yield _read_alarm(document, declared, resolver)


def _read_alarm(
    document: TemplateDocument, declared: Declared, resolver: Resolver
) -> MetricAlarmResource | CompositeAlarmResource:
    metric = declared.type == METRIC_ALARM
    properties = resolver.properties(declared)
    properties.setdefault("AlarmName", declared.logical_id)
    for name in properties:
        if name not in (_METRIC if metric else _COMPOSITE):
            line = declared.properties.lines.get(name, declared.line)
            raise document.wrong(line, f"{name} is not a property of {declared.type}")
    for name in ("ComparisonOperator", "EvaluationPeriods") if metric else ("AlarmRule",):
        if name not in properties and "EvaluationCriteria" not in properties:
            raise document.wrong(declared.line, f"the alarm {declared.logical_id} lacks {name}")
    try:
        typed = {name: _typed(name, value) for name, value in properties.items()}
    except ValueError as error:
        raise document.wrong(declared.line, f"the alarm {declared.logical_id}: {error}") from None
    kind = MetricAlarmResource if metric else CompositeAlarmResource
    return kind(str(typed["AlarmName"]), typed, document.path, declared.line)


def _typed(name: str, value: Any) -> Any:
    """Return *value* as CloudWatch's API wants it: CloudFormation also takes numbers and booleans as text."""
    if name == "AlarmRule":
        return " ".join(str(value).split())
    if name in _READERS:
        return _READERS[name](name, value)
    if isinstance(value, list):
        return [_typed("", member) for member in value]
    if isinstance(value, dict):
        return {key: _typed(key, member) for key, member in value.items()}
    return value


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a whole number, not {value!r}") from None


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number, not {value!r}") from None


def _boolean(name: str, value: Any) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ValueError(f"{name} must be true or false, not {value!r}")
    return str(value).lower() == "true"


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "ActionsEnabled": _boolean,
    "ReturnData": _boolean,
    "ActionsSuppressorExtensionPeriod": _whole,
    "ActionsSuppressorWaitPeriod": _whole,
    "DatapointsToAlarm": _whole,
    "EvaluationInterval": _whole,
    "EvaluationPeriods": _whole,
    "Period": _whole,
    "Threshold": _number,
}
