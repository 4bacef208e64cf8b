"""
The ``metrics`` table of a run, as CloudWatch would find it: by metric and exact dimensions.

Times are Unix seconds of the model clock.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.lab.alarms.alarm import Alarm, MetricStat
from harness.lab.alarms.timeline import Samples
from harness.lab.results.records import SERVICE_NAMESPACE, is_duration, labels_text, metric_name

NO_LABELS = labels_text({})

Rows = npt.NDArray[np.intp]


class Recorded:
    """
    Every metric of a run.

    Args:
        frame: The ``metrics`` table.
        started_at: Unix time of its second 0.
        time_scale: Model seconds per second of the table.
    """

    def __init__(self, frame: pd.DataFrame, started_at: float, time_scale: float) -> None:
        self._at = frame["at"].to_numpy(dtype=np.float64) * time_scale + started_at
        self._time_scale = time_scale
        self._values = frame["value"].to_numpy(dtype=np.float64)
        self._rows = _by_metric(frame)
        self._samples: dict[tuple[str, str], Samples] = {}

    def samples(self, alarm: Alarm) -> dict[MetricStat, Samples]:
        """
        Return the samples of every metric an alarm reads.

        Raises:
            ValueError: One of them is NaN or infinite.
        """
        return {metric: self._of(metric) for _, metric in alarm.metrics}

    def _of(self, metric: MetricStat) -> Samples:
        name, labels = metric_name(metric.namespace, metric.name), labels_text(metric.labels)
        if (name, labels) not in self._samples:
            rows = rows_of(self._rows.get(name, {}), labels, service=metric.namespace == SERVICE_NAMESPACE)
            scale = self._time_scale if is_duration(name) else 1.0
            try:
                self._samples[name, labels] = Samples.of(self._at[rows], self._values[rows] * scale)
            except ValueError as error:
                raise ValueError(f"the metric {name}: {error}") from None
        return self._samples[name, labels]


def rows_of(by_labels: Mapping[str, Rows], labels: str, *, service: bool) -> Rows:
    """
    Return the rows with exactly these labels.

    CloudWatch adds nothing up over dimensions, so the service puts each datum twice: with its labels and
    without any. A run that has the service's metrics only with labels has left the second out; they are
    taken together then.
    """
    if labels in by_labels:
        return by_labels[labels]
    if service and labels == NO_LABELS and by_labels:
        return np.concatenate(list(by_labels.values()))
    return np.empty(0, dtype=np.intp)


def _by_metric(frame: pd.DataFrame) -> dict[str, dict[str, Rows]]:
    metrics, names = pd.factorize(frame["metric"])
    labels, texts = pd.factorize(frame["labels"])
    pairs = metrics * max(len(texts), 1) + labels
    order = np.argsort(pairs, kind="stable")
    starts = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    found: dict[str, dict[str, Rows]] = {}
    for rows in np.split(order, starts)[1:]:
        metric, label = divmod(int(pairs[rows[0]]), len(texts))
        found.setdefault(str(names[metric]), {})[str(texts[label])] = rows
    return found
