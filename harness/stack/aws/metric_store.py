"""
The metric data of the local CloudWatch, in order of arrival and by series.

Values are kept raw, so that percentiles are exact (nearest rank). Nothing is deleted: a datum takes 24 bytes
(a million of them in an hour would be 24 MB). Times are float seconds since the epoch.
"""

import math
import threading
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

from harness.lab.results.metric_names import labels_text, metric_name
from harness.lab.results.percentile import percentile_of_sorted

Dimensions = tuple[tuple[str, str], ...]
Row = tuple[float, str, str, float]
"""Time, name of the metric in the run folder, labels as JSON text, value."""

_SIMPLE_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Sum": math.fsum,
    "SampleCount": len,
    "Average": fmean,
    "Minimum": min,
    "Maximum": max,
}


@dataclass
class Series:
    """One metric with one set of dimensions."""

    number: int
    namespace: str
    name: str
    dimensions: Dimensions
    unit: str | None = None
    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    @cached_property
    def names(self) -> tuple[str, str]:
        """The name of the metric and the labels as the run folder has them."""
        return metric_name(self.namespace, self.name), labels_text(dict(self.dimensions))

    def row(self, place: int) -> Row:
        """Return a datum by its place in the order of arrival."""
        return (self.times[place], *self.names, self.values[place])

    def between(self, start: float, end: float) -> list[tuple[float, float]]:
        """Return time and value of the data from *start* until before *end*."""
        return [(at, value) for at, value in zip(self.times, self.values, strict=False) if start <= at < end]


class MetricStore:
    """The rows, numbered from *first_row* on, and the series they belong to. Safe for threads."""

    def __init__(self, first_row: int = 0) -> None:
        self._first_row = first_row
        self._series: dict[tuple[str, str, Dimensions], Series] = {}
        self._numbered: list[Series] = []
        self._row_series, self._row_places = array("L"), array("L")
        self._lock = threading.Lock()

    def add(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        *values: float,
        at: float | None = None,
        unit: str | None = None,
    ) -> None:
        """Add data of one series with the same time, which is now by default."""
        at = time.time() if at is None else at
        key = (namespace, name, tuple(sorted(dimensions.items())))
        with self._lock:
            series = self._series.get(key)
            if series is None:
                series = self._series[key] = Series(len(self._numbered), *key)
                self._numbered.append(series)
            series.unit = unit or series.unit
            for value in values:
                self._row_series.append(series.number)
                self._row_places.append(len(series.values))
                series.times.append(at)
                series.values.append(value)

    def since(self, row: int) -> tuple[int, list[Row]]:
        """Return the number of the next row, and the rows from number *row* on."""
        with self._lock:
            start = max(0, row - self._first_row)
            places = zip(self._row_series[start:], self._row_places[start:], strict=True)
            rows = [self._numbered[number].row(place) for number, place in places]
            return self._first_row + len(self._row_series), rows

    def find(self, namespace: str, name: str, dimensions: Mapping[str, str]) -> Series | None:
        """Return the series with exactly these dimensions, as CloudWatch matches them."""
        return self._series.get((namespace, name, tuple(sorted(dimensions.items()))))

    def series(self) -> list[Series]:
        with self._lock:
            return list(self._series.values())


def statistic(name: str, values: Sequence[float]) -> float:
    """
    Return a CloudWatch statistic of raw values; a percentile ``pNN`` is the nearest rank ⌈pn⌉.

    Raises:
        ValueError: The name is unknown, or the local CloudWatch does not compute this statistic.
    """
    if name in _SIMPLE_STATISTICS:
        return float(_SIMPLE_STATISTICS[name](values))
    if name[:1] == "p" and name[1:].replace(".", "", 1).isdigit() and 0 < float(name[1:]) <= 100:
        return percentile_of_sorted(sorted(values), float(name[1:]))
    raise ValueError(f"The statistic {name!r} is not supported.")
