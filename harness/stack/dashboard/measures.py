"""
The five metrics of the service: their current values, and their history of the last five minutes.

The service puts each datum with its dimensions and once more without; only the second is counted here.
Times are clock seconds; durations are shown in model seconds.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.lab.results.metric_names import labels_text
from harness.lab.results.percentile import percentile
from harness.stack.control_client import Datum

Kind = Literal["counter", "gauge", "histogram"]

BIN_S = 5.0
BINS = 60

NO_LABELS = labels_text({})


@dataclass(frozen=True, slots=True)
class Measure:
    """
    One metric now.

    Attributes:
        value: A counter's sum since the stack began, a gauge's last value, the p95 of the durations of
            the last five minutes [model s]; None before the first datum.
        history: The same for each five seconds of the last five minutes (increments, for a counter).
    """

    name: str
    kind: Kind
    about: str
    value: float | None
    history: Sequence[float | None]


@dataclass(slots=True)
class _MetricHistory:
    kind: Kind
    about: str
    total: float = 0.0
    last: float | None = None
    recent: list[tuple[float, float]] = field(default_factory=list)


class Measures:
    """Collector of metric data that returns what the page shows of them."""

    def __init__(self, time_scale: float = 1.0) -> None:
        self._time_scale = time_scale
        self._metrics = {
            "media_batches_created_total": _MetricHistory("counter", "changes of a batch's status"),
            "media_processing_duration_seconds": _MetricHistory("histogram", "p95 of the last five minutes"),
            "media_processing_inflight_jobs": _MetricHistory("gauge", "jobs pending or running"),
            "media_processing_dlq_messages_total": _MetricHistory("counter", "dead letters drained"),
            "media_batches_failed_total": _MetricHistory("counter", "batches that failed"),
        }

    def feed(self, rows: Iterable[Datum]) -> None:
        """Take data, in order of arrival."""
        for at, name, labels, value in rows:
            metric = self._metrics.get(name)
            if metric is None or labels != NO_LABELS:
                continue
            metric.total += value
            metric.last = value
            metric.recent.append((at, value))

    def now(self, now: float) -> list[Measure]:
        """Return the five metrics at *now* [s since the epoch]."""
        # Bins have fixed edges: a column of the picture never changes once it is past.
        end = math.ceil(now / BIN_S) * BIN_S
        return [self._measure(name, metric, end) for name, metric in self._metrics.items()]

    def _measure(self, name: str, metric: _MetricHistory, end: float) -> Measure:
        start = end - BINS * BIN_S
        metric.recent = [(at, value) for at, value in metric.recent if at >= start]
        bins: list[list[float]] = [[] for _ in range(BINS)]
        for at, value in metric.recent:
            bins[min(BINS - 1, int((at - start) // BIN_S))].append(value)
        current: float | None
        history: Sequence[float | None]
        match metric.kind:
            case "counter":
                current, history = metric.total, [math.fsum(values) for values in bins]
            case "gauge":
                current, history = metric.last, [values[-1] if values else None for values in bins]
            case "histogram":
                current = self._p95([value for _, value in metric.recent])
                history = [self._p95(values) for values in bins]
        return Measure(name, metric.kind, metric.about, current, history)

    def _p95(self, values: Sequence[float]) -> float | None:
        return percentile(values, 95) * self._time_scale if values else None
