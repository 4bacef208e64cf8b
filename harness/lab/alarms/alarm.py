"""
A CloudWatch alarm, read from a template's properties or from ``DescribeAlarms``: both spell them alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.lab.alarms.evaluate import ComparisonOperator, Rule, TreatMissing
from harness.lab.alarms.expression import Expression
from harness.lab.alarms.statistic import Statistic

Properties = Mapping[str, object]

HIGH_RESOLUTION = (10, 20, 30)
UNSUPPORTED = {
    "EvaluationCriteria": "a PromQL alarm",
    "EvaluationInterval": "a PromQL alarm",
    "ThresholdMetricId": "an anomaly detection alarm",
    "WarmUpConfiguration": "an alarm with a warm-up",
}
"""Properties that make an alarm another kind than the judge evaluates."""
DAY = 86_400
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alarm or objective is written down, for messages that point there."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Unjudged:
    """An alarm that exists, but is of a kind the judge does not evaluate, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class MetricStat:
    """One metric an alarm reads: its name, dimensions and statistic."""

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
    One metric alarm. Times in seconds.

    Attributes:
        metrics: What it reads, by id; a plain alarm has one, called ``m1``.
        expression: The metric math that makes the datapoint, None for a plain alarm.
        unit: ``Unit`` of a plain alarm. Runs record no units, so it is taken to match.
        ignore_low_samples: ``EvaluateLowSampleCountPercentile: ignore``: too few samples for the
            percentile leave the state as it is.
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
    def from_properties(
        cls, properties: Properties, *, name: str = "", place: Place | None = None
    ) -> "Alarm":
        """
        Read ``AWS::CloudWatch::Alarm`` properties or an entry of ``DescribeAlarms``.

        Raises:
            ValueError: A property is missing, unknown to CloudWatch, or not supported; the message names it.
        """
        name = str(properties.get("AlarmName") or name)
        try:
            return _read(properties, name, place)
        except KeyError as error:
            raise ValueError(f"alarm {name}: it has no {error.args[0]}") from None
        except ValueError as error:
            raise ValueError(f"alarm {name}: {error}") from None

    @property
    def high_resolution(self) -> bool:
        """Evaluated every 10 s instead of every minute."""
        return self.period in HIGH_RESOLUTION

    def scaled(self, factor: float) -> "Alarm":
        """Return the alarm with its threshold multiplied: for looking how near a verdict was."""
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
    longest = DAY if period < 3600 else WEEK
    if span > longest:
        raise ValueError(f"Period × EvaluationPeriods is {span} s; CloudWatch takes at most {longest} s")
    low = str(properties.get("EvaluateLowSampleCountPercentile") or "evaluate")
    if low not in ("evaluate", "ignore"):
        raise ValueError(f"EvaluateLowSampleCountPercentile is evaluate or ignore, not {low!r}")
    return Alarm(
        name=name,
        metrics=metrics,
        period=period,
        rule=rule,
        expression=expression,
        ignore_low_samples=low == "ignore",
        unit=str(properties["Unit"]) if properties.get("Unit") else None,
        place=place,
    )


def _must_be_supported(properties: Properties) -> None:
    for key, kind in UNSUPPORTED.items():
        if properties.get(key):
            raise ValueError(f"it has {key}: the judge does not evaluate {kind}")
    window = properties.get("EvaluationWindow")
    if window and "SlidingWindow" not in _mapping(window, "EvaluationWindow"):
        raise ValueError("its EvaluationWindow is no SlidingWindow: the judge evaluates sliding windows only")


def _metrics(
    properties: Properties,
) -> tuple[tuple[tuple[str, MetricStat], ...], Expression | None, int]:
    if not properties.get("Metrics"):
        return (("m1", _metric(properties, properties)),), None, checked_period(properties["Period"])
    if properties.get("MetricName"):
        raise ValueError("it has both MetricName and Metrics")
    stats: dict[str, MetricStat] = {}
    periods: set[int] = set()
    texts: dict[str, str] = {}
    shown: list[str] = []
    for query in _list(properties["Metrics"], "Metrics"):
        key = str(query["Id"])
        if query.get("ReturnData", True) not in (False, "false"):
            shown.append(key)
        if "MetricStat" in query:
            stat = _mapping(query["MetricStat"], "MetricStat")
            stats[key] = _metric(_mapping(stat["Metric"], "Metric"), stat)
            periods.add(checked_period(stat["Period"]))
        else:
            texts[key] = str(query["Expression"])
    if len(shown) != 1:
        raise ValueError("exactly one of Metrics must have ReturnData true")
    expression = Expression.parse(texts.get(shown[0], shown[0]), list(stats), texts)
    if len(periods) != 1:
        raise ValueError("the metrics of an expression must share one period")
    return tuple(stats.items()), expression, periods.pop()


def _metric(metric: Properties, how: Properties) -> MetricStat:
    given = [str(how[key]) for key in ("Stat", "ExtendedStatistic", "Statistic") if how.get(key)]
    if len(given) != 1:
        raise ValueError("it needs one of Statistic and ExtendedStatistic")
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


def checked_period(value: object) -> int:
    """
    Return a period [s].

    Raises:
        ValueError: CloudWatch has no such period.
    """
    period = whole(value, "Period")
    if period in HIGH_RESOLUTION or (period >= 60 and period % 60 == 0):
        return period
    raise ValueError(f"Period must be 10, 20, 30 or a multiple of 60 s, not {period}")


def whole(value: object, what: str) -> int:
    """
    Return a whole number, which CloudFormation also takes as text.

    Raises:
        ValueError: It is none; the message begins with *what* it is.
    """
    found = number(value, what)
    if not found.is_integer():
        raise ValueError(f"{what} must be a whole number, not {value!r}")
    return int(found)


def number(value: object, what: str) -> float:
    """
    Return a number, which CloudFormation also takes as text.

    Raises:
        ValueError: It is none; the message begins with *what* it is.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{what} must be a number, not {value!r}")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{what} must be a number, not {value!r}") from None
