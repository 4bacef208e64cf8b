"""
The data behind the charts: a run measured, binned so that a million rows are as quick to draw as a hundred.

Points in time are model seconds since the run began, and so are the times of batches and states. The
latencies of HTTP requests are clock seconds, because the machines took that long however fast model time
passes. Columns carry their unit.
"""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.lab.results.metric_names import DEAD_LETTERS
from harness.lab.results.percentile import percentile, percentiles, percentiles_over_time
from harness.lab.results.rows import E2E
from harness.lab.results.run import Run

Floats = NDArray[np.float64]

BINS = 120
"""A series has at most this many periods."""

RATES = 12
"""A curve over the arrival rate has at most this many points."""

ARRIVALS_OF_A_WINDOW = 12
"""Fewest arrivals of one of its points."""

SAME_RATE = 0.03
"""Rates that differ by less than this ratio are one rate."""

CURVE = 200
"""A curve over percentiles has at most this many points."""

ALARM_PERIOD = 60.0
QUEUE_DEPTH = "AWS/SQS/ApproximateNumberOfMessagesVisible"


def of_both(
    measure: Callable[[Run], pd.DataFrame], run: Run, other: Run | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the measurements of both runs, with the run's id as first column, and those of *run* alone."""
    parts = []
    for one in filter(None, (run, other)):
        part = measure(one)
        part.insert(0, "run", one.id)
        parts.append(part)
    filled = [part for part in parts if len(part)]
    data = pd.concat(filled, ignore_index=True) if filled else parts[0]
    return data, data[data["run"] == run.id]


def extent(run: Run) -> float:
    """Return the length of the run, to its last record [model s]; at least 1."""
    if run.header.duration_s is not None:
        return max(run.model_seconds(run.header.duration_s), 1.0)
    ends = (run.timings["finished_at"], run.batches["finished_at"], run.metrics["at"])
    latest = np.nanmax([0.0, *(float(end.max()) for end in ends if end.notna().any())])
    return max(run.model_seconds(float(latest)), 1.0)


def period_of(length: float, bins: int = BINS) -> float:
    """Return a round period that divides *length* into at most *bins* [s]."""
    for magnitude in range(-1, 8):
        for step in (1, 2, 5):
            if length / (step * 10.0**magnitude) <= bins:
                return step * 10.0**magnitude
    raise ValueError(f"a run of {length} s is too long to draw")


def bin_edges(run: Run, bins: int = BINS) -> Floats:
    """Return the edges of at most *bins* round periods that cover the run [s]."""
    length = extent(run)
    period = period_of(length, bins)
    return np.arange(0.0, length + period, period)


def http(run: Run) -> pd.DataFrame:
    """Return the times and outcomes of the HTTP requests, without the end-to-end observations."""
    return run.timings[run.timings["type"] != E2E]


def arrivals(run: Run) -> pd.DataFrame:
    """Return arrivals due and started, and batches ended, per model second."""
    # Longer periods than elsewhere: a rate of a few arrivals varies too much in a short one.
    edges, period = bin_edges(run, 60), period_of(extent(run), 60)
    rows, sent = run.timings, http(run)
    times = {
        "offered_per_s": rows.groupby("arrival")["intended_at"].min(),
        # A simulated run may have no requests, only the end-to-end observations.
        "started_per_s": (sent if len(sent) else rows).groupby("arrival")["started_at"].min(),
        "completed_per_s": run.batches["finished_at"],
    }
    rates = {
        name: np.histogram(run.model_seconds(column).dropna(), bins=edges)[0] / period
        for name, column in times.items()
    }
    return pd.DataFrame({"at_s": edges[:-1], **rates})


def response_by_rate(run: Run) -> pd.DataFrame:
    """
    Return the time until READY against the arrival rate, for a scenario whose rate rises.

    The arrivals are divided into windows of equal numbers in the order of time; each gives one rate [1/s]
    and the percentiles of its arrivals, infinite if too many failed. Unfinished arrivals count with their
    time until the run ended. Empty for a scenario without ramp or steps, and for too few arrivals.
    """
    rows = run.timings[(run.timings["type"] == E2E) & (run.timings["name"] == "ready")]
    count = len(rows) // ARRIVALS_OF_A_WINDOW
    columns = ["arrival_rate_per_s", "p50_s", "p95_s"]
    if count < 3 or not _rate_rises(run):
        return pd.DataFrame(columns=columns)
    rows = rows.sort_values("intended_at")
    due = np.asarray(run.model_seconds(rows["intended_at"]), dtype=np.float64)
    spent = np.asarray(run.model_seconds(rows["finished_at"] - rows["intended_at"]), dtype=np.float64)
    spent = np.where(rows["outcome"] == "failed", np.inf, spent)
    edges = np.linspace(0, len(rows) - 1, min(count, RATES) + 1).astype(int)
    windows = [
        {
            "arrival_rate_per_s": _rate(due, first, last),
            "p50_s": percentile(spent[first:last], 50),
            "p95_s": percentile(spent[first:last], 95),
        }
        for first, last in _windows_of_rates(due, edges.tolist())
    ]
    return pd.DataFrame(windows, columns=columns).sort_values("arrival_rate_per_s", ignore_index=True)


def _rate(due: Floats, first: int, last: int) -> float:
    return float((last - first) / max(due[last] - due[first], 1e-9))


def _windows_of_rates(due: Floats, edges: list[int]) -> list[tuple[int, int]]:
    """Return windows between edges; adjacent ones with nearly the same rate are one: the rate was held."""
    windows = [(edges[0], edges[1])]
    for first, last in pairwise(edges[1:]):
        before = windows[-1]
        if abs(_rate(due, first, last) / _rate(due, *before) - 1) < SAME_RATE:
            windows[-1] = (before[0], last)
        else:
            windows.append((first, last))
    return windows


def _rate_rises(run: Run) -> bool:
    sources = run.scenario.get("arrivals") or ()
    stages = [stage for source in sources for stage in source.get("stages") or ()]
    return any(name.startswith(("ramp", "step")) for stage in stages for name in stage)


def in_system(run: Run) -> pd.DataFrame:
    """Return the most batches in the pipeline and the most HTTP requests in progress, by period."""
    return pd.DataFrame(
        {
            "at_s": bin_edges(run)[:-1],
            "batches": most_in_progress(run, run.batches, "received_at", "finished_at"),
            "requests": most_in_progress(run, http(run), "started_at", "finished_at"),
        }
    )


def queue_depth(run: Run) -> pd.DataFrame:
    """Return the most messages that waited in each queue, by period."""
    rows = run.metric(QUEUE_DEPTH)
    period = period_of(extent(run))
    bins = (run.model_seconds(rows["at"]) // period) * period
    names = {text: str(json.loads(text).get("QueueName", "")) for text in rows["labels"].unique()}
    queues = rows["labels"].map(names).rename("queue")
    return rows["value"].groupby([queues, bins.rename("at_s")]).max().rename("messages").reset_index()


def processing_over_time(run: Run) -> pd.DataFrame:
    """Return percentiles of the processing times that ended in each period."""
    times, length = run.processing_times(), extent(run)
    period = ALARM_PERIOD if length >= 10 * ALARM_PERIOD else period_of(length, 40)
    return percentiles_over_time(times["at_s"], times["duration_s"], max(period, period_of(length)))


def latency_over_time(run: Run) -> pd.DataFrame:
    """Return percentiles of the response times of HTTP requests by their intended start [clock s]."""
    rows = http(run)
    response_time = rows["finished_at"] - rows["intended_at"]
    return percentiles_over_time(
        run.model_seconds(rows["intended_at"]), response_time, period_of(extent(run))
    )


def response_curve(run: Run) -> pd.DataFrame:
    """Return HTTP response time against percentile, from the intended and from the actual start [clock s]."""
    rows = http(run)
    rows = rows[(rows["intended_at"] >= run.warm_up) & (rows["outcome"] != "censored")]
    corrected = (rows["finished_at"] - rows["intended_at"]).dropna().to_numpy()
    uncorrected = (rows["finished_at"] - rows["started_at"]).dropna().to_numpy()
    return _curve({"corrected_s": corrected, "uncorrected_s": uncorrected})


def end_to_end_curve(run: Run) -> pd.DataFrame:
    """
    Return the time from an arrival's intended start until READY, against percentile [model s].

    The percentiles are those of all arrivals: the curve ends before those that did not become READY.
    """
    rows = _ready_observations(run)
    times = run.model_seconds(rows["finished_at"] - rows["intended_at"]).to_numpy(dtype=float)
    curve = _curve({"ready_s": np.where(rows["outcome"] == "ok", times, np.inf)})
    is_ready = np.isfinite(curve["ready_s"].to_numpy(dtype=float))
    ready: pd.DataFrame = curve.loc[is_ready].reset_index(drop=True)
    return ready


def ready_arrivals(run: Run) -> tuple[int, int]:
    """Return how many arrivals became READY, and of how many, without those of the warm-up."""
    rows = _ready_observations(run)
    return int((rows["outcome"] == "ok").sum()), len(rows)


def _ready_observations(run: Run) -> pd.DataFrame:
    rows = run.timings
    is_ready = (rows["type"] == E2E) & (rows["name"] == "ready") & (rows["intended_at"] >= run.warm_up)
    return rows[is_ready & rows["finished_at"].notna()]


def _curve(columns: dict[str, NDArray[Any]]) -> pd.DataFrame:
    """Return columns of equal length against percentile."""
    count = len(next(iter(columns.values())))
    if not count:
        return pd.DataFrame(columns=["percentile", *columns])
    points = tail_points(count)
    values = {name: percentiles(column, points) for name, column in columns.items()}
    return pd.DataFrame({"percentile": points, **values})


def tail_points(count: int) -> NDArray[Any]:
    """Return the percentiles that *count* values can tell apart, evenly spaced on the scale of 1/(1 − p)."""
    # The last point is the largest value: 100 itself has no place on this scale.
    tails = np.geomspace(1.0, 2.0 * count, min(CURVE, count + 1))
    points = np.round((1 - 1 / tails) * 100, 6)
    named = [p for p in (50.0, 90.0, 95.0, 99.0, 99.9) if p <= points[-1]]
    return np.union1d(points, named)


def most_in_progress(run: Run, rows: pd.DataFrame, begin: str, end: str) -> Floats:
    """Return the most rows in progress at once, between two columns, in each of the run's periods."""
    return most_at_once(run.model_seconds(rows[begin]), run.model_seconds(rows[end]), bin_edges(run))


def most_at_once(starts: "pd.Series[float]", ends: "pd.Series[float]", edges: Floats) -> Floats:
    """Return the largest number in progress in each bin; without an end it is in progress to the last bin."""
    began = starts.notna()
    births = starts[began].to_numpy(dtype=float)
    deaths = ends[began].dropna().to_numpy(dtype=float)
    times = np.concatenate([deaths, births])
    # Stable: at one instant ends come before starts, so a server that is handed over counts once.
    order = np.argsort(times, kind="stable")
    times, changes = times[order], np.where(order < len(deaths), -1.0, 1.0)
    level = np.concatenate([[0.0], np.cumsum(changes), [0.0]])
    before, until = (np.searchsorted(times, edges, side=side) for side in ("left", "right"))
    # In a bin: the level when it begins, and that after each change, also those at its beginning.
    first, beyond = np.minimum(before + 1, until)[:-1], before[1:] + 1
    return np.maximum.reduceat(level, np.ravel([first, beyond], order="F"))[::2]


def size_classes(run: Run, few: float) -> pd.DataFrame:
    """Return processing time by percentile for classes of batches; small shoots have *few* photos at most."""
    batches = run.batches[run.batches["finished_at"].notna() & run.batches["received_at"].notna()]
    spent = run.model_seconds(batches["finished_at"] - batches["received_at"]).to_numpy()
    shoot, video, small = batches["documents"] == 0, batches["videos"] > 0, batches["photos"] <= few
    classes = {
        f"up to {few:.0f} photos": shoot & ~video & small,
        f"more than {few:.0f} photos": shoot & ~video & ~small,
        "with video": shoot & video,
        "project files": ~shoot,
    }
    parts = [pd.DataFrame(columns=["class", "batches", "percentile", "duration_s"])]
    for name, chosen in classes.items():
        count = int(chosen.sum())
        if count:
            points = np.round(np.linspace(0.0, 100.0, min(CURVE, count) + 1), 6)
            times = percentiles(spent[chosen.to_numpy()], points)
            columns = {"class": name, "batches": count, "percentile": points, "duration_s": times}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def median_photos(run: Run) -> float:
    """Return the median number of photos of shoots without video; 0 without any."""
    batches = run.batches
    plain = batches.loc[(batches["videos"] == 0) & (batches["documents"] == 0), "photos"].dropna()
    return percentile(plain, 50) if len(plain) else 0.0


def dead_letters(run: Run) -> pd.DataFrame:
    """Return how many messages had reached the dead-letter queue by the end of each period."""
    rows = run.metric(DEAD_LETTERS)
    edges = bin_edges(run)
    counted = np.histogram(run.model_seconds(rows["at"]), bins=edges, weights=rows["value"])[0]
    return pd.DataFrame({"at_s": edges[1:], "dead_letters": np.cumsum(counted)})
