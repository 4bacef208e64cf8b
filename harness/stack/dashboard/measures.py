"""
The five metrics of the service, as numbers and as the course of the last minutes.

The service puts each datum with its dimensions and once more without any; the second is counted here.
Times are clock seconds; durations are shown in model seconds.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.lab.results.metric_names import labels_text
from harness.lab.results.percentile import percentile

Datum = tuple[float, str, str, float]
Kind = Literal["counter", "gauge", "histogram"]

BIN_S = 5.0
BINS = 60
"""What is drawn: five minutes."""

NO_LABELS = labels_text({})


@dataclass(frozen=True, slots=True)
class Measure:
    """
    One metric now.

    Attributes:
        value: A counter's sum since the stack began, a gauge's last value, the p95 of the durations of
            the last five minutes [model s]; None before there is one.
        history: The same for each five seconds of the last five minutes (increments, for a counter).
    """

    name: str
    kind: Kind
    about: str
    value: float | None
    history: Sequence[float | None]


@dataclass(slots=True)
class _Course:
    kind: Kind
    about: str
    total: float = 0.0
    last: float | None = None
    recent: list[tuple[float, float]] = field(default_factory=list)


class Measures:
    """
    Takes what the local CloudWatch was told, and keeps what is shown of it.

    Args:
        time_scale: Model seconds per second.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        self._time_scale = time_scale
        self._courses = {
            "media_batches_created_total": _Course("counter", "changes of a batch's status"),
            "media_processing_duration_seconds": _Course("histogram", "p95 of the last five minutes"),
            "media_processing_inflight_jobs": _Course("gauge", "jobs pending or running"),
            "media_processing_dlq_messages_total": _Course("counter", "messages given up"),
            "media_batches_failed_total": _Course("counter", "batches that failed"),
        }

    def feed(self, rows: Iterable[Datum]) -> None:
        """Take data, in order of arrival."""
        for at, metric, labels, value in rows:
            course = self._courses.get(metric)
            if course is None or labels != NO_LABELS:
                continue
            course.total += value
            course.last = value
            course.recent.append((at, value))

    def now(self, now: float) -> list[Measure]:
        """Return the five, as of *now* [s since the epoch]."""
        # Bins have fixed edges: a column of the picture never changes once it is past.
        end = math.ceil(now / BIN_S) * BIN_S
        return [self._measure(name, course, end) for name, course in self._courses.items()]

    def _measure(self, name: str, course: _Course, end: float) -> Measure:
        start = end - BINS * BIN_S
        course.recent = [(at, value) for at, value in course.recent if at >= start]
        bins: list[list[float]] = [[] for _ in range(BINS)]
        for at, value in course.recent:
            bins[min(BINS - 1, int((at - start) // BIN_S))].append(value)
        match course.kind:
            case "counter":
                value, history = course.total, [math.fsum(values) for values in bins]
                return Measure(name, course.kind, course.about, value, history)
            case "gauge":
                seen = [values[-1] if values else None for values in bins]
                return Measure(name, course.kind, course.about, course.last, seen)
            case "histogram":
                everything = [value for _, value in course.recent]
                slow = [self._p95(values) for values in bins]
                return Measure(name, course.kind, course.about, self._p95(everything), slow)

    def _p95(self, values: Sequence[float]) -> float | None:
        return percentile(values, 95) * self._time_scale if values else None
