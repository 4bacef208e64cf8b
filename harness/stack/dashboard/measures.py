"""
The five metrics of the service: their current values, and series of the last five minutes for charts.

The service puts each datum with its dimensions and once more without; only the second is counted here.
Times are clock seconds; durations are shown in model seconds.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.lab.results.metric_names import (
    BATCHES_CREATED,
    INFLIGHT_JOBS,
    PROCESSING_DURATION,
    labels_text,
)
from harness.lab.results.percentile import percentile
from harness.stack.control_client import Datum

Kind = Literal["counter", "gauge", "histogram"]

BIN_S = 5.0
BINS = 60

NO_LABELS = labels_text({})
ENTRIES = {labels_text({"status": status}): status for status in ("PENDING_UPLOAD", "READY", "FAILED")}
"""The statuses whose entries are counted, by the labels of the metric."""


@dataclass(frozen=True, slots=True)
class Measure:
    """
    One metric now.

    Attributes:
        value: A counter's sum since the stack began, a gauge's last value, the p95 of the durations of
            the last five minutes [model s]; None before the first datum.
    """

    name: str
    kind: Kind
    about: str
    value: float | None


@dataclass(frozen=True, slots=True)
class RecentSeries:
    """
    Rates, processing times and jobs over the last five minutes, by intervals of five seconds.

    Attributes:
        minutes: End of each interval relative to now, at most 0 [min].
        created_per_s: Batches that clients began [1/s].
        ready_per_s, failed_per_s: Batches that ended so [1/s].
        p50_s, p95_s, p99_s: Processing times that ended in the interval [model s]; None without any.
        in_flight: Jobs pending or running at the end of the interval; None without a sample.
    """

    minutes: Sequence[float]
    created_per_s: Sequence[float]
    ready_per_s: Sequence[float]
    failed_per_s: Sequence[float]
    p50_s: Sequence[float | None]
    p95_s: Sequence[float | None]
    p99_s: Sequence[float | None]
    in_flight: Sequence[float | None]


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

        self._entries: dict[str, list[tuple[float, float]]] = {status: [] for status in ENTRIES.values()}

    def feed(self, rows: Iterable[Datum]) -> None:
        """Take data, in order of arrival."""
        for at, name, labels, value in rows:
            if name == BATCHES_CREATED and labels in ENTRIES:
                self._entries[ENTRIES[labels]].append((at, value))
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

    def recent_series(self, now: float) -> RecentSeries:
        """Return the series of the charts at *now* [s since the epoch]."""
        end = math.ceil(now / BIN_S) * BIN_S
        durations = self._bins(self._metrics[PROCESSING_DURATION].recent, end)
        rates = {status: self._rates(status, end) for status in self._entries}
        percentiles = {
            percent: [self._percentile(values, percent) for values in durations] for percent in (50, 95, 99)
        }
        levels = self._bins(self._metrics[INFLIGHT_JOBS].recent, end)
        return RecentSeries(
            minutes=[round((index + 1 - BINS) * BIN_S / 60, 4) for index in range(BINS)],
            created_per_s=rates["PENDING_UPLOAD"],
            ready_per_s=rates["READY"],
            failed_per_s=rates["FAILED"],
            p50_s=percentiles[50],
            p95_s=percentiles[95],
            p99_s=percentiles[99],
            in_flight=[values[-1] if values else None for values in levels],
        )

    def _rates(self, status: str, end: float) -> list[float]:
        kept = [(at, value) for at, value in self._entries[status] if at >= end - BINS * BIN_S]
        self._entries[status] = kept
        return [math.fsum(values) / BIN_S for values in self._bins(kept, end)]

    @staticmethod
    def _bins(recent: Iterable[tuple[float, float]], end: float) -> list[list[float]]:
        """Return the values of each interval of the last five minutes."""
        start = end - BINS * BIN_S
        bins: list[list[float]] = [[] for _ in range(BINS)]
        for at, value in recent:
            if at >= start:
                bins[min(BINS - 1, int((at - start) // BIN_S))].append(value)
        return bins

    def _measure(self, name: str, metric: _MetricHistory, end: float) -> Measure:
        metric.recent = [(at, value) for at, value in metric.recent if at >= end - BINS * BIN_S]
        if metric.kind == "histogram":
            value = self._percentile([value for _, value in metric.recent], 95)
        else:
            value = metric.total if metric.kind == "counter" else metric.last
        return Measure(name, metric.kind, metric.about, value)

    def _percentile(self, values: Sequence[float], percent: float) -> float | None:
        return percentile(values, percent) * self._time_scale if values else None
