"""
The summary of a run: response times of each kind of request, and the five metrics of the service.

Latencies of requests are clock seconds; end-to-end times and ``media_processing_duration_seconds``
are model seconds, which are the same unless the scenario compresses time. Arrivals of the warm-up
are left out.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.lab.results import metric_names
from harness.lab.results.percentile import percentile
from harness.lab.results.rows import E2E, FAILED

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Timing:
    """
    The response times of one kind of request.

    Response times count from the intended start, so they include the wait that a stalling service causes;
    latency counts from the actual start, as most tools report. Model seconds if *type* is ``E2E``.
    """

    type: str
    name: str
    count: int
    failed: int
    censored: int
    p50_s: float
    p95_s: float
    p99_s: float
    max_s: float
    latency_p99_s: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """
    The five metrics of the service over the whole run, the warm-up included.

    ``created`` is by status; ``inflight_max`` and the percentiles [model s] are None without observations.
    """

    created: dict[str, int]
    failed: int
    dead_letters: int
    inflight_max: int | None
    durations: int
    duration_p50_s: float | None
    duration_p95_s: float | None
    duration_p99_s: float | None

    @classmethod
    def of(cls, table: "pd.DataFrame", time_scale: float) -> "Metrics":
        """Return the metrics of a ``metrics`` table, complete or still growing."""

        def rows_of(name: str) -> "pd.DataFrame":
            return table[table["metric"] == name]

        created = rows_of(metric_names.BATCHES_CREATED)
        by_labels = created["value"].groupby(created["labels"], observed=True).sum()
        statuses = (str(json.loads(str(labels)).get("status", "unknown")) for labels in by_labels.index)
        by_status = by_labels.groupby(list(statuses)).sum()
        inflight = rows_of(metric_names.INFLIGHT_JOBS)["value"]
        durations = rows_of(metric_names.PROCESSING_DURATION)["value"] * time_scale
        p50, p95, p99 = (percentile(durations, p) if len(durations) else None for p in PERCENTS)
        return cls(
            created={str(status): int(count) for status, count in by_status.items()},
            failed=int(rows_of(metric_names.BATCHES_FAILED)["value"].sum()),
            dead_letters=int(rows_of(metric_names.DEAD_LETTERS)["value"].sum()),
            inflight_max=int(inflight.max()) if len(inflight) else None,
            durations=len(durations),
            duration_p50_s=p50,
            duration_p95_s=p95,
            duration_p99_s=p99,
        )

    def lines(self) -> list[tuple[str, str]]:
        """Return the name and the value of each metric, as texts."""
        created = ", ".join(f"{count} {status}" for status, count in sorted(self.created.items())) or "none"
        durations = "none"
        if self.durations:
            parts = (self.duration_p50_s, self.duration_p95_s, self.duration_p99_s)
            p50, p95, p99 = (_cell(part) for part in parts)
            durations = f"{self.durations}: p50 {p50} s, p95 {p95} s, p99 {p99} s"
        return [
            (metric_names.BATCHES_CREATED, created),
            (metric_names.PROCESSING_DURATION, durations),
            (metric_names.INFLIGHT_JOBS, f"at most {_cell(self.inflight_max)}"),
            (metric_names.DEAD_LETTERS, str(self.dead_letters)),
            (metric_names.BATCHES_FAILED, str(self.failed)),
        ]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a run that fit on one screen."""

    title: str
    timings: tuple[Timing, ...]
    metrics: Metrics
    time_scale: float = 1.0

    @classmethod
    def of(
        cls,
        title: str,
        timings: "pd.DataFrame",
        metrics: "pd.DataFrame",
        *,
        warm_up: float,
        time_scale: float,
    ) -> "Summary":
        """Summarise `Run.timings` from *warm_up* on [clock s], and the whole table ``metrics``."""
        found = tuple(_timings(timings, warm_up, time_scale))
        return cls(title, found, Metrics.of(metrics, time_scale), time_scale)

    def to_frame(self) -> "pd.DataFrame":
        """Return the timings as a table."""
        import pandas as pd  # heavy: imported only where a frame is made

        return pd.DataFrame(map(asdict, self.timings), columns=list(Timing.__dataclass_fields__))

    def to_html(self) -> str:
        """Return both tables as HTML, for a notebook."""
        import pandas as pd

        timings = self.to_frame().to_html(index=False, float_format=_seconds, border=0)
        metrics = pd.DataFrame(self.metrics.lines(), columns=["metric", "value"])
        return timings + metrics.to_html(index=False, border=0)

    def to_rich(self) -> "Group":
        """Return both tables for a terminal."""
        from rich.console import Group  # heavy: imported only for a terminal
        from rich.table import Table

        from harness.lab.results.terminal_text import Words

        timings = Table(title=self.title, title_justify="left", box=None)
        timings.add_column("response times", overflow="fold")
        for heading in ("n", "failed", "open", "p50 s", "p95 s", "p99 s", "max s"):
            timings.add_column(heading, justify="right", no_wrap=True)
        for one in self.timings:
            numbers = (one.count, one.failed, one.censored, one.p50_s, one.p95_s, one.p99_s, one.max_s)
            # Requests are not accelerated: with another scale the table has two kinds of seconds.
            unit = "" if self.time_scale == 1 else " (model time)" if one.type == E2E else " (clock time)"
            timings.add_row(f"{one.type} {one.name}{unit}", *(_cell(number) for number in numbers))
        metrics = Table(title="Metrics", title_justify="left", box=None, show_header=False)
        metrics.add_column(overflow="fold")
        for name, value in self.metrics.lines():
            metrics.add_row(name, Words(value))
        return Group(timings, metrics)


def _timings(timings: "pd.DataFrame", warm_up: float, time_scale: float) -> Iterator[Timing]:
    timings = timings[timings["intended_at"] >= warm_up]
    response_times = (timings["finished_at"] - timings["intended_at"]).to_numpy()
    latencies = (timings["finished_at"] - timings["started_at"]).to_numpy()
    failed = timings["outcome"].isin(FAILED).to_numpy()
    censored = (timings["outcome"] == "censored").to_numpy()
    kinds: Any = timings[["type", "name"]].groupby(["type", "name"], observed=True)
    for (kind, name), rows in sorted(kinds.indices.items()):
        scale = time_scale if kind == E2E else 1.0
        response_time, latency = response_times[rows] * scale, latencies[rows] * scale
        p50, p95, p99 = (percentile(response_time, p) for p in PERCENTS)
        yield Timing(
            type=str(kind),
            name=str(name),
            count=len(rows),
            failed=int(failed[rows].sum()),
            censored=int(censored[rows].sum()),
            p50_s=p50,
            p95_s=p95,
            p99_s=p99,
            max_s=float(response_time.max()),
            latency_p99_s=percentile(latency, 99),
        )


def _cell(value: Any) -> str:
    if value is None:
        return "unknown"
    return _seconds(value) if isinstance(value, float) else str(value)


def _seconds(value: float) -> str:
    return f"{value:,.3f}" if value < 100 else f"{value:,.1f}"
