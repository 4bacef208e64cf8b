"""
A run in one screen: how long each request took, how long batches took, and the five metrics.

Latencies of requests are clock seconds; end-to-end times and ``media_processing_duration_seconds``
are model seconds, which are the same unless the scenario compresses time. Arrivals of the warm-up
are left out.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.lab.results.percentile import percentile
from harness.lab.results.run import Run

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Group

E2E = "E2E"
"""Type of the rows that observe a batch from start to end."""


@dataclass(frozen=True, slots=True)
class Timing:
    """
    How long one kind of request took.

    Response times run from the intended start, so that a stalling service cannot hide; latency is
    what stock tools report, from the actual start. Model seconds if *type* is ``E2E``.
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

    Attributes:
        created: ``media_batches_created_total`` by status.
        failed: ``media_batches_failed_total``.
        dead_letters: ``media_processing_dlq_messages_total``.
        inflight_max: Largest ``media_processing_inflight_jobs`` seen; None if never sampled.
        durations: Observations of ``media_processing_duration_seconds``.
        duration_p50_s: Their percentiles [model s]; None without observations.
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
        """Return what a ``metrics`` table holds of them; it may be that of a run that goes on."""

        def rows_of(name: str) -> "pd.DataFrame":
            return table[table["metric"] == name]

        created = rows_of("media_batches_created_total")
        by_labels = created["value"].groupby(created["labels"], observed=True).sum()
        by_status = by_labels.groupby(by_labels.index.astype(str).map(_status)).sum()
        inflight = rows_of("media_processing_inflight_jobs")["value"]
        durations = rows_of("media_processing_duration_seconds")["value"] * time_scale
        return cls(
            created={str(status): int(count) for status, count in by_status.items()},
            failed=int(rows_of("media_batches_failed_total")["value"].sum()),
            dead_letters=int(rows_of("media_processing_dlq_messages_total")["value"].sum()),
            inflight_max=int(inflight.max()) if len(inflight) else None,
            durations=len(durations),
            duration_p50_s=percentile(durations, 50) if len(durations) else None,
            duration_p95_s=percentile(durations, 95) if len(durations) else None,
            duration_p99_s=percentile(durations, 99) if len(durations) else None,
        )

    def lines(self) -> list[tuple[str, str]]:
        """Return the five as names and texts."""
        created = ", ".join(f"{count} {status}" for status, count in sorted(self.created.items())) or "none"
        durations = "none"
        if self.durations:
            parts = (self.duration_p50_s, self.duration_p95_s, self.duration_p99_s)
            p50, p95, p99 = (_cell(part) for part in parts)
            durations = f"{self.durations}: p50 {p50} s, p95 {p95} s, p99 {p99} s"
        return [
            ("media_batches_created_total", created),
            ("media_processing_duration_seconds", durations),
            ("media_processing_inflight_jobs", f"at most {_cell(self.inflight_max)}"),
            ("media_processing_dlq_messages_total", str(self.dead_letters)),
            ("media_batches_failed_total", str(self.failed)),
        ]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run comes down to."""

    title: str
    time_scale: float
    timings: tuple[Timing, ...]
    metrics: Metrics

    @classmethod
    def of(cls, run: Run) -> "Summary":
        """
        Summarise a run.

        Raises:
            RunUnreadable: A table is missing or damaged.
        """
        metrics = Metrics.of(run.recorded.drop(["at"]).to_pandas(), run.time_scale)
        return cls(repr(run).strip("<>"), run.time_scale, tuple(_timings(run)), metrics)

    def to_json(self) -> str:
        """Return everything as JSON, for machines."""
        return json.dumps(asdict(self), sort_keys=True)

    def to_frame(self) -> "pd.DataFrame":
        """Return the timings as a table."""
        import pandas as pd  # heavy: only whoever wants a frame pays

        columns = list(Timing.__dataclass_fields__)
        return pd.DataFrame([asdict(timing) for timing in self.timings], columns=columns)

    def to_html(self) -> str:
        """Return both tables as HTML, for a notebook."""
        import pandas as pd  # heavy: only whoever wants a page pays

        timings = self.to_frame().to_html(index=False, float_format=_seconds, border=0)
        metrics = pd.DataFrame(self.metrics.lines(), columns=["metric", "value"])
        return timings + metrics.to_html(index=False, border=0)

    def to_rich(self) -> "Group":
        """Return both tables for a terminal."""
        from rich.console import Group  # heavy: only a terminal needs it
        from rich.table import Table

        timings = Table(title=self.title, title_justify="left", box=None)
        timings.add_column("response times")
        for heading in ("n", "failed", "open", "p50 s", "p95 s", "p99 s", "max s"):
            timings.add_column(heading, justify="right", no_wrap=True)
        for one in self.timings:
            numbers = (one.count, one.failed, one.censored, one.p50_s, one.p95_s, one.p99_s, one.max_s)
            timings.add_row(f"{one.type} {one.name}", *(_cell(number) for number in numbers))
        metrics = Table(title="Metrics", title_justify="left", box=None, show_header=False)
        for line in self.metrics.lines():
            metrics.add_row(*line)
        return Group(timings, metrics)


def _timings(run: Run) -> Iterator[Timing]:
    timings = run.timings
    judged = timings["intended_at"] >= run.warm_up
    response_times = (timings["finished_at"] - timings["intended_at"])[judged].to_numpy()
    latencies = (timings["finished_at"] - timings["started_at"])[judged].to_numpy()
    failed = timings["outcome"].isin(["failed", "breached"])[judged].to_numpy()
    censored = (timings["outcome"] == "censored")[judged].to_numpy()
    kinds: Any = timings.loc[judged, ["type", "name"]].groupby(["type", "name"], observed=True)
    for (kind, name), rows in sorted(kinds.indices.items()):
        scale = run.time_scale if kind == E2E else 1.0
        response_time, latency = response_times[rows] * scale, latencies[rows] * scale
        yield Timing(
            type=str(kind),
            name=str(name),
            count=len(rows),
            failed=int(failed[rows].sum()),
            censored=int(censored[rows].sum()),
            p50_s=percentile(response_time, 50),
            p95_s=percentile(response_time, 95),
            p99_s=percentile(response_time, 99),
            max_s=float(response_time.max()),
            latency_p99_s=percentile(latency, 99),
        )


def _status(labels: str) -> str:
    return str(json.loads(labels).get("status", "unknown"))


def _cell(value: Any) -> str:
    if value is None:
        return "unknown"
    return _seconds(value) if isinstance(value, float) else str(value)


def _seconds(value: float) -> str:
    return f"{value:,.3f}" if value < 100 else f"{value:,.1f}"
