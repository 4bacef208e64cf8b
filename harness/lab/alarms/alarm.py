"""A CloudWatch metric alarm, read from a template's properties or from ``DescribeAlarms``."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.lab.alarms.evaluate import ComparisonOperator, Rule, TreatMissing
from harness.lab.alarms.expression import Expression
from harness.lab.alarms.statistic import Statistic

Properties = Mapping[str, object]

HIGH_RESOLUTION = (10, 20, 30)
UNSUPPORTED = {
    "EvaluationCriteria": "PromQL alarms",
    "EvaluationInterval": "PromQL alarms",
    "ThresholdMetricId": "anomaly detection alarms",
    "WarmUpConfiguration": "alarms with a warm-up",
}
"""Properties of the kinds of alarm that cannot be evaluated here."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place that defines an alarm or an objective, for messages that point to it."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class UnevaluatedAlarm:
    """An alarm that exists but cannot be evaluated, and the reason."""

    name: str
    reason: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class MetricStat:
    """One metric that an alarm reads: its name, dimensions and statistic."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: Statistic

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.dimensions)


@dataclass(frozen=True, slots=True)
class Alarm:
    """
    One metric alarm.

    Attributes:
        metrics: The metrics it reads, by id; an alarm without metric math has one, called ``m1``.
        period: [s].
        ignore_low_samples: Too few samples for a percentile leave the state as it is.
        unit: ``Unit`` of an alarm on one metric. Runs record no units, so it is assumed to match.
    """

    name: str
    metrics: tuple[tuple[str, MetricStat], ...]
    period: int
    rule: Rule
    expression: Expression | None = None
    ignore_low_samples: bool = False
    unit: str | None = None
    place: Place | None = None

    @classmethod
    def from_properties(cls, properties: Properties, *, place: Place | None = None) -> "Alarm":
        """
        Read ``AWS::CloudWatch::Alarm`` properties or an entry of ``DescribeAlarms``.

        Raises:
            ValueError: A property is missing, invalid or not supported; the message names it.
        """
        name = str(properties["AlarmName"])
        try:
            return _read(properties, name, place)
        except KeyError as error:
            raise ValueError(f"alarm {name}: {error.args[0]} is missing") from None
        except ValueError as error:
            raise ValueError(f"alarm {name}: {error}") from None

    @property
    def high_resolution(self) -> bool:
        """Whether the alarm is evaluated every 10 s instead of every minute."""
        return self.period in HIGH_RESOLUTION

    def scaled(self, factor: float) -> "Alarm":
        """Return the alarm with its threshold multiplied by *factor*."""
        return replace(self, rule=replace(self.rule, threshold=self.rule.threshold * factor))


def _read(properties: Properties, name: str, place: Place | None) -> Alarm:
    _must_be_supported(properties)
    metrics, expression, period = _metrics(properties)
    evaluation_periods = whole(properties["EvaluationPeriods"], "EvaluationPeriods")
    rule = Rule(
        threshold=number(properties.get("Threshold"), "Threshold"),
        comparison=ComparisonOperator(str(properties["ComparisonOperator"])),
        evaluation_periods=evaluation_periods,
        datapoints_to_alarm=whole(
            properties.get("DatapointsToAlarm", evaluation_periods), "DatapointsToAlarm"
        ),
        treat_missing=TreatMissing(str(properties.get("TreatMissingData") or "missing")),
    )
    span = period * evaluation_periods
    longest = 86_400 if period < 3600 else 7 * 86_400
    if span > longest:
        raise ValueError(f"Period × EvaluationPeriods is {span} s; CloudWatch accepts at most {longest} s")
    ignore = ignores_low_samples(properties, "EvaluateLowSampleCountPercentile")
    unit = str(properties["Unit"]) if properties.get("Unit") else None
    return Alarm(name, metrics, period, rule, expression, ignore, unit, place)


def _must_be_supported(properties: Properties) -> None:
    for key, kind in UNSUPPORTED.items():
        if properties.get(key):
            raise ValueError(f"{key} is not supported: {kind} cannot be evaluated")
    window = properties.get("EvaluationWindow")
    if window and "SlidingWindow" not in _mapping(window, "EvaluationWindow"):
        raise ValueError("EvaluationWindow must be a SlidingWindow; other windows are not supported")


def _metrics(properties: Properties) -> tuple[tuple[tuple[str, MetricStat], ...], Expression | None, int]:
    if not properties.get("Metrics"):
        return (("m1", _metric(properties, properties)),), None, checked_period(properties["Period"])
    if properties.get("MetricName"):
        raise ValueError("both MetricName and Metrics are given; CloudWatch accepts one of them")
    stats: dict[str, MetricStat] = {}
    periods: set[int] = set()
    expressions: dict[str, str] = {}
    returned: list[str] = []
    for query in _list(properties["Metrics"], "Metrics"):
        key = str(query["Id"])
        if query.get("ReturnData", True) not in (False, "false"):
            returned.append(key)
        if "MetricStat" in query:
            stat = _mapping(query["MetricStat"], "MetricStat")
            stats[key] = _metric(_mapping(stat["Metric"], "Metric"), stat)
            periods.add(checked_period(stat["Period"]))
        else:
            expressions[key] = str(query["Expression"])
    if len(returned) != 1:
        raise ValueError("exactly one of Metrics must have ReturnData true")
    expression = Expression.parse(expressions.get(returned[0], returned[0]), list(stats), expressions)
    if len(periods) != 1:
        raise ValueError("the metrics of an expression must share one period")
    return tuple(stats.items()), expression, periods.pop()


def _metric(metric: Properties, stat: Properties) -> MetricStat:
    given = [str(stat[key]) for key in ("Stat", "ExtendedStatistic", "Statistic") if stat.get(key)]
    if len(given) != 1:
        raise ValueError("exactly one of Statistic and ExtendedStatistic is needed")
    dimensions = _list(metric.get("Dimensions") or [], "Dimensions")
    return MetricStat(
        namespace=str(metric["Namespace"]),
        name=str(metric["MetricName"]),
        dimensions=tuple(sorted((str(entry["Name"]), str(entry["Value"])) for entry in dimensions)),
        statistic=Statistic.parse(given[0]),
    )


def _list(value: object, what: str) -> list[Properties]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"{what} must be a list, not {value!r}")
    return [_mapping(entry, what) for entry in value]


def _mapping(value: object, what: str) -> Properties:
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} must hold names and values, not {value!r}")
    return value


def ignores_low_samples(properties: Properties, key: str) -> bool:
    """Return whether a percentile over too few samples leaves the state as it is."""
    value = str(properties.get(key) or "evaluate")
    if value not in ("evaluate", "ignore"):
        raise ValueError(f"{key} must be evaluate or ignore, not {value!r}")
    return value == "ignore"


def checked_period(value: object) -> int:
    """Return a period [s] that CloudWatch accepts, or raise ValueError."""
    period = whole(value, "Period")
    if period in HIGH_RESOLUTION or (period >= 60 and period % 60 == 0):
        return period
    raise ValueError(f"Period must be 10, 20, 30 or a multiple of 60 s, not {period}")


def whole(value: object, what: str) -> int:
    """Return a whole number, given as a number or as text; a ValueError begins with *what*."""
    found = number(value, what)
    if not found.is_integer():
        raise ValueError(f"{what} must be a whole number, not {value!r}")
    return int(found)


def number(value: object, what: str) -> float:
    """Return a number, given as a number or as text; a ValueError begins with *what*."""
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with contextlib.suppress(ValueError):
            return float(value)
    raise ValueError(f"{what} must be a number, not {value!r}")
