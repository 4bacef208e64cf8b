"""
Replaces moto's CloudWatch storage and queries by the raw values of a `MetricStore`.

moto has no percentiles, starts periods at the first datum, mixes namespaces when dimensions are given, scans
one list of all data for every query, reports ``OK`` for an alarm that was never evaluated, and cannot store
a composite alarm.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partialmethod
from typing import Any

from moto.cloudwatch import models
from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.metric_data_expression_parser import parse_expression
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from harness.stack.aws.metric_store import MetricStore, Series, statistic
from harness.stack.aws.moto_patches.source import replace

MINUTE_S = 60

_alarm_init = models.Alarm.__init__


def install(store: MetricStore) -> None:
    """Keep all metric data in *store*, and answer queries from it."""
    backend = models.CloudWatchBackend
    replace(backend, "put_metric_data", "82ed800e5ac8", partialmethod(_put_metric_data, store))
    replace(backend, "get_metric_data", "62d105e6ed69", partialmethod(_get_metric_data, store))
    replace(backend, "get_filtered_metrics", "4659d2c09b72", partialmethod(_get_filtered_metrics, store))
    replace(
        CloudWatchResponse,
        "get_metric_statistics",
        "44ee74e768b0",
        partialmethod(_get_metric_statistics, store),
    )
    replace(models.Alarm, "__init__", "ebea9aab6de4", _init_alarm)
    CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm


def _put_metric_data(
    self: Any, store: MetricStore, namespace: str, metric_data: list[dict[str, Any]]
) -> None:
    for number, datum in enumerate(metric_data, 1):
        self._validate_parameters_put_metric_data(datum, number)
    for datum in metric_data:
        store.add(
            namespace,
            datum["MetricName"],
            _dimensions(datum.get("Dimensions", ())),
            *_values(datum),
            at=_epoch(datum["Timestamp"]) if datum.get("Timestamp") else None,
            unit=datum.get("Unit"),
        )


def _values(datum: dict[str, Any]) -> list[float]:
    if datum.get("Values"):
        counts = datum.get("Counts") or [1] * len(datum["Values"])
        return [
            float(value)
            for value, count in zip(datum["Values"], counts, strict=True)
            for _ in range(int(float(count)))
        ]
    if datum.get("StatisticValues"):
        return _spread({name: float(value) for name, value in datum["StatisticValues"].items()})
    return [float(datum.get("Value", 0))]


def _spread(given: dict[str, float]) -> list[float]:
    """Return values with this count, sum, minimum and maximum; the observed values themselves are unknown."""
    count = round(given["SampleCount"])
    if count <= 2:
        return [given["Minimum"], given["Maximum"]][:count]
    rest = (given["Sum"] - given["Minimum"] - given["Maximum"]) / (count - 2)
    return [given["Minimum"], *[rest] * (count - 2), given["Maximum"]]


def _get_metric_statistics(self: Any, store: MetricStore) -> ActionResult:
    simple = self._get_param("Statistics", [])
    extended = self._get_param("ExtendedStatistics", [])
    if not simple and not extended:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    start, end = self._get_param("StartTime"), self._get_param("EndTime")
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    name = self._get_param("MetricName")
    series = store.find(self._get_param("Namespace"), name, _dimensions(self._get_param("Dimensions", [])))
    points = []
    for at, values in _periods(series, start, end, self._get_int_param("Period")):
        point: dict[str, Any] = {"Timestamp": at, "Unit": (series and series.unit) or "None"}
        point |= {stat: _compute(stat, values) for stat in simple}
        if extended:
            point["ExtendedStatistics"] = {stat: _compute(stat, values) for stat in extended}
        points.append(point)
    return ActionResult({"Label": name, "Datapoints": points})


def _get_metric_data(
    self: Any,  # noqa: ARG001 — moto's signature
    store: MetricStore,
    queries: list[dict[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampAscending",
) -> list[dict[str, Any]]:
    if start_time >= end_time:
        raise ValidationError("The parameter EndTime must be greater than StartTime.")
    simple = [
        _answer(store, query, start_time, end_time, backwards=scan_by == "TimestampDescending")
        for query in queries
        if "MetricStat" in query
    ]
    by_id = {answer["id"]: answer for answer in simple}
    for query in queries:
        if "MetricStat" not in query:
            by_id[query["Id"]] = _compute_expression(query, simple)
    return [by_id[query["Id"]] for query in queries if query.get("ReturnData", True)]


def _answer(
    store: MetricStore, query: dict[str, Any], start: datetime, end: datetime, *, backwards: bool
) -> dict[str, Any]:
    wanted = query["MetricStat"]
    metric = wanted["Metric"]
    series = store.find(metric["Namespace"], metric["MetricName"], _dimensions(metric.get("Dimensions", [])))
    points = list(_periods(series, start, end, int(wanted["Period"])))
    if backwards:
        points.reverse()
    return {
        "id": query["Id"],
        "label": query.get("Label") or f"{metric['MetricName']} {wanted['Stat']}",
        "timestamps": [at for at, _ in points],
        "values": [_compute(wanted["Stat"], values) for _, values in points],
        "status_code": "Complete",
    }


def _compute_expression(query: dict[str, Any], simple: list[dict[str, Any]]) -> dict[str, Any]:
    if query["Expression"].startswith("SELECT"):
        raise ValidationError("Metrics Insights queries are not supported by the local stack.")
    values, timestamps = parse_expression(query["Expression"], simple)
    return {
        "id": query["Id"],
        "label": query.get("Label") or query["Id"],
        "timestamps": timestamps,
        "values": values,
        "status_code": "Complete",
    }


def _periods(
    series: Series | None, start: datetime, end: datetime, period: int
) -> Iterable[tuple[datetime, list[float]]]:
    """Yield the start and the values of each period that has values, in order."""
    if series is None:
        return
    step = MINUTE_S if period >= MINUTE_S else 1
    first = _epoch(start) // step * step
    buckets: dict[int, list[float]] = {}
    for at, value in series.between(first, _epoch(end)):
        buckets.setdefault(int((at - first) // period), []).append(value)
    zero = datetime.fromtimestamp(first, tz=UTC)
    for number in sorted(buckets):
        yield zero + timedelta(seconds=number * period), buckets[number]


def _compute(stat: str, values: list[float]) -> float:
    try:
        return statistic(stat, values)
    except ValueError as unknown:
        raise InvalidParameterValue(str(unknown)) from None


def _get_filtered_metrics(
    self: Any,  # noqa: ARG001 — moto's signature
    store: MetricStore,
    metric_name: str | None,
    namespace: str | None,
    dimensions: list[dict[str, str]],
) -> list[models.MetricDatumBase]:
    data = [
        models.MetricDatum(
            series.namespace,
            series.name,
            0.0,
            [{"Name": name, "Value": value} for name, value in series.dimensions],
            None,
        )
        for series in store.series()
    ]
    return [datum for datum in data if datum.filter(namespace, metric_name, dimensions)]


def _init_alarm(self: Any, *args: Any, **kwargs: Any) -> None:
    _alarm_init(self, *args, **kwargs)
    self.state_value = "INSUFFICIENT_DATA"


def _dimensions(given: Iterable[dict[str, str]]) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in given}


def _epoch(when: datetime) -> float:
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
