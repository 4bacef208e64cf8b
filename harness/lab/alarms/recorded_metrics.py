"""
The ``metrics`` table of a run, indexed by metric and exact dimensions as CloudWatch does.

Times are Unix seconds of the model clock.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.lab.alarms.alarm import Alarm, MetricStat
from harness.lab.alarms.timeline import Samples
from harness.lab.results.metric_names import (
    SERVICE_NAMESPACE,
    is_counter,
    is_duration,
    labels_text,
    metric_name,
)
from harness.lab.results.notes import UNOBSERVED

if TYPE_CHECKING:
    from harness.lab.results.run import Run

NO_LABELS = labels_text({})

Rows = npt.NDArray[np.intp]


class RecordedMetrics:
    """The ``metrics`` table of a run, whose second 0 is *started_at* (Unix time)."""

    def __init__(self, table: pa.Table, started_at: float, time_scale: float) -> None:
        self._at = table["at"].to_numpy() * time_scale + started_at
        self._time_scale = time_scale
        self._values = table["value"].to_numpy()
        self._rows = _rows_by_metric(table)
        self._samples: dict[tuple[str, str], Samples] = {}

    def samples(self, alarm: Alarm) -> dict[MetricStat, Samples]:
        """Return the samples of every metric that an alarm reads; NaN or infinity is a ValueError."""
        return {metric: self._samples_of(metric) for _, metric in alarm.metrics}

    def is_zero_without_data(self, metric: MetricStat) -> bool:
        return is_zero_without_data(metric_name(metric.namespace, metric.name), self._rows)

    def _samples_of(self, metric: MetricStat) -> Samples:
        name, labels = metric_name(metric.namespace, metric.name), labels_text(metric.labels)
        if (name, labels) not in self._samples:
            rows = rows_of(self._rows.get(name, {}), labels, service=metric.namespace == SERVICE_NAMESPACE)
            scale = self._time_scale if is_duration(name) else 1.0
            try:
                self._samples[name, labels] = Samples.of(self._at[rows], self._values[rows] * scale)
            except ValueError as error:
                raise ValueError(f"the metric {name}: {error}") from None
        return self._samples[name, labels]


def is_zero_without_data(metric: str, recorded: Iterable[str]) -> bool:
    """
    Return whether a metric without data is 0, given the names in the ``metrics`` table.

    A counter has no data until it is first incremented. It is 0 if other metrics of the service were
    recorded.
    """
    return is_counter(metric) and any("/" not in name for name in recorded)


def unobserved_namespaces(run: "Run") -> frozenset[str]:
    """Return the namespaces and metrics that the recorder of a run could not observe."""
    names = run.header.notes.get(UNOBSERVED, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        text = f"the note {UNOBSERVED} must be a list of names, not {names!r}"
        raise ValueError(f"{run.folder}/run.json: {text}")
    return frozenset(names)


def rows_of(by_labels: Mapping[str, Rows], labels: str, *, service: bool) -> Rows:
    """
    Return the rows with exactly these labels.

    CloudWatch does not aggregate over dimensions. The service therefore puts each datum twice: with its
    labels and without labels. If a run has the service's metrics only with labels, their rows together stand
    for the metric without labels.
    """
    if labels in by_labels:
        return by_labels[labels]
    if service and labels == NO_LABELS and by_labels:
        return np.concatenate(list(by_labels.values()))
    return np.empty(0, dtype=np.intp)


def _rows_by_metric(table: pa.Table) -> dict[str, dict[str, Rows]]:
    (metrics, names), (labels, texts) = _codes(table["metric"]), _codes(table["labels"])
    pairs = metrics * len(texts) + labels
    # Numbers of two bytes are sorted in one pass.
    order = np.argsort(pairs.astype(np.min_scalar_type(len(names) * len(texts))), kind="stable")
    ends = np.flatnonzero(np.diff(pairs[order])) + 1
    found: dict[str, dict[str, Rows]] = {}
    for rows in np.split(order, ends) if len(order) else ():
        metric, label = divmod(int(pairs[rows[0]]), len(texts))
        found.setdefault(names[metric], {})[texts[label]] = rows
    return found


def _codes(column: pa.ChunkedArray) -> tuple[Rows, list[str]]:
    """Return the dictionary index of each row, and the texts; a missing text is the empty text."""
    array = column.combine_chunks()
    texts = [*array.dictionary.to_pylist(), ""]
    return array.indices.fill_null(len(texts) - 1).to_numpy().astype(np.intp), texts
