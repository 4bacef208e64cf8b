"""
A CloudWatch alarm, read from a template's properties or from ``DescribeAlarms``: both spell them alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.lab.alarms.evaluate import Comparison, Rule, TreatMissing
from harness.lab.alarms.expression import Expression
from harness.lab.alarms.statistic import Statistic

Properties = Mapping[str, object]

HIGH_RESOLUTION = (10, 20, 30)
DAY = 86_400
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alarm or objective is written down, for messages that point there."""

    file: str
    line: int


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
        ignore_low_samples: ``EvaluateLowSampleCountPercentile: ignore``: too few samples for the
            percentile leave the state as it is.
    """

    name: str
    metrics: tuple[tuple[str, MetricStat], ...]
    period: int
    rule: Rule
    expression: Expression | None = None
    ignore_low_samples: bool = False
    description: str = ""
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
        except (KeyError, TypeError) as error:
            raise ValueError(f"alarm {name}: {error.args[0]!r} is missing or of the wrong type") from None
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
    metrics, expression, period = _metrics(properties)
    evaluation_periods = _integer(properties["EvaluationPeriods"], "EvaluationPeriods")
    rule = Rule(
        threshold=_number(properties.get("Threshold"), "Threshold"),
        comparison=Comparison(str(properties["ComparisonOperator"])),
        evaluation_periods=evaluation_periods,
        datapoints_to_alarm=_integer(
            properties.get("DatapointsToAlarm") or evaluation_periods, "DatapointsToAlarm"
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
        description=str(properties.get("AlarmDescription") or ""),
        place=place,
    )


def _metrics(
    properties: Properties,
) -> tuple[tuple[tuple[str, MetricStat], ...], Expression | None, int]:
    if not properties.get("Metrics"):
        return (("m1", _metric(properties, properties)),), None, _period(properties["Period"])
    queries = properties["Metrics"]
    if not isinstance(queries, Sequence) or isinstance(queries, str):
        raise ValueError("Metrics must be a list")
    stats: list[tuple[str, MetricStat]] = []
    periods: set[int] = set()
    texts: dict[str, str] = {}
    shown: list[str] = []
    for query in queries:
        if query.get("ReturnData", True) not in (False, "false"):
            shown.append(query["Id"])
        if "MetricStat" in query:
            stat = query["MetricStat"]
            stats.append((query["Id"], _metric(stat["Metric"], stat)))
            periods.add(_period(stat["Period"]))
        else:
            texts[query["Id"]] = str(query["Expression"])
    if len(periods) != 1:
        raise ValueError("the metrics of an expression must share one period")
    if len(shown) != 1:
        raise ValueError("exactly one of Metrics must have ReturnData true")
    expression = Expression.parse(texts.get(shown[0], shown[0]), [key for key, _ in stats], texts)
    return tuple(stats), expression, periods.pop()


def _metric(metric: Properties, how: Properties) -> MetricStat:
    statistic = how.get("Stat") or how.get("ExtendedStatistic") or how.get("Statistic")
    if not statistic:
        raise ValueError("it names no Statistic and no ExtendedStatistic")
    dimensions = metric.get("Dimensions") or ()
    if not isinstance(dimensions, Sequence):
        raise ValueError("Dimensions must be a list of Name and Value")
    return MetricStat(
        namespace=str(metric["Namespace"]),
        name=str(metric["MetricName"]),
        dimensions=tuple(sorted((str(entry["Name"]), str(entry["Value"])) for entry in dimensions)),
        statistic=Statistic.parse(str(statistic)),
    )


def _period(value: object) -> int:
    period = _integer(value, "Period")
    if period in HIGH_RESOLUTION or (period > 0 and period % 60 == 0):
        return period
    raise ValueError(f"Period must be 10, 20, 30 or a multiple of 60 s, not {period}")


def _integer(value: object, what: str) -> int:
    number = _number(value, what)
    if number != int(number):
        raise ValueError(f"{what} must be a whole number, not {value!r}")
    return int(number)


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{what} must be a number, not {value!r}")
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{what} must be a number, not {value!r}") from None
