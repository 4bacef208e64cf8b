"""
What charts are drawn from: a run measured, binned so that a million rows are as quick as a hundred.

Points in time are model seconds since the run began, and so are the times of batches and states. The
latencies of HTTP requests are clock seconds: they are what the machines took, however fast model time
passes. Columns carry their unit.
"""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.lab.results.durations import over_time, processing
from harness.lab.results.percentile import nearest_rank, percentile
from harness.lab.results.summary import E2E

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from harness.lab.results.run import Run

    Floats = NDArray[np.float64]

BINS = 120
"""Periods a series is cut into, at most."""

CURVE = 200
"""Points of a curve over percentiles, at most."""

ALARM_PERIOD = 60.0
DEAD_LETTERS = "media_processing_dlq_messages_total"
QUEUE_DEPTH = "AWS/SQS/ApproximateNumberOfMessagesVisible"
FAILED = ("failed", "breached")


def extent(run: "Run") -> float:
    """Return how long the run was, to its last record [model s]; never 0."""
    if run.header.duration_s is not None:
        return max(run.model_seconds(run.header.duration_s), 1.0)
    ends = (run.requests["finished_at"], run.batches["finished_at"], run.metrics["at"])
    latest = np.nanmax([0.0, *(float(end.max()) for end in ends if end.notna().any())])
    return max(run.model_seconds(float(latest)), 1.0)


def period_of(length: float, bins: int = BINS) -> float:
    """Return a round period that cuts *length* into at most *bins* [s]."""
    for magnitude in range(-1, 8):
        for step in (1, 2, 5):
            if length / (step * 10.0**magnitude) <= bins:
                return step * 10.0**magnitude
    raise ValueError(f"a run of {length} s is too long to draw")


def http(run: "Run") -> pd.DataFrame:
    """Return the HTTP requests, without the end-to-end observations."""
    return run.requests[run.requests["type"] != E2E]


def arrivals(run: "Run") -> pd.DataFrame:
    """Return arrivals due and started, and batches ended, per model second."""
    length = extent(run)
    # Coarser than the rest: a rate of a few arrivals is noise in a short period.
    period = period_of(length, 60)
    edges = np.arange(0.0, length + period, period)
    rows = run.requests
    due = rows.groupby("arrival")["intended_at"].min()
    acted = rows[rows["type"] != E2E]
    # A simulated run has no requests to start, only what came of the arrivals.
    began = (acted if len(acted) else rows).groupby("arrival")["started_at"].min()
    ended = run.batches["finished_at"]
    return pd.DataFrame(
        {
            "at_s": edges[:-1],
            "offered_per_s": _per_bin(run.model_seconds(due), edges) / period,
            "started_per_s": _per_bin(run.model_seconds(began), edges) / period,
            "completed_per_s": _per_bin(run.model_seconds(ended), edges) / period,
        }
    )


def in_system(run: "Run") -> pd.DataFrame:
    """Return the most batches in the pipeline and the most HTTP requests under way, by period."""
    length = extent(run)
    edges = np.arange(0.0, length + period_of(length), period_of(length))
    batches, requests = run.batches, http(run)
    return pd.DataFrame(
        {
            "at_s": edges[:-1],
            "batches": most_at_once(
                run.model_seconds(batches["received_at"]), run.model_seconds(batches["finished_at"]), edges
            ),
            "requests": most_at_once(
                run.model_seconds(requests["started_at"]), run.model_seconds(requests["finished_at"]), edges
            ),
        }
    )


def queue_depth(run: "Run") -> pd.DataFrame:
    """Return how many messages waited in each queue, the most in each period."""
    rows = run.metrics[run.metrics["metric"] == QUEUE_DEPTH]
    period = period_of(extent(run))
    bins = (run.model_seconds(rows["at"]) // period) * period
    queues = _labelled(rows["labels"], "QueueName").rename("queue")
    grouped = rows["value"].groupby([queues, bins.rename("at_s")]).max()
    return grouped.rename("messages").reset_index()


def processing_over_time(run: "Run") -> pd.DataFrame:
    """Return percentiles of the processing times that ended in each period."""
    times = processing(run)
    length = extent(run)
    period = ALARM_PERIOD if length >= 10 * ALARM_PERIOD else period_of(length, 40)
    return over_time(times["at_s"], times["duration_s"], max(period, period_of(length)))


def latency_over_time(run: "Run") -> pd.DataFrame:
    """Return percentiles of the response times of HTTP requests by when they were due [clock s]."""
    rows = http(run)
    response = rows["finished_at"] - rows["intended_at"]
    return over_time(run.model_seconds(rows["intended_at"]), response, period_of(extent(run), 120))


def response_curve(run: "Run") -> pd.DataFrame:
    """Return HTTP latency against percentile, from when requests were due and from when they were sent."""
    rows = http(run)
    rows = rows[(rows["intended_at"] >= run.warm_up) & (rows["outcome"] != "censored")]
    corrected = (rows["finished_at"] - rows["intended_at"]).dropna().to_numpy()
    uncorrected = (rows["finished_at"] - rows["started_at"]).dropna().to_numpy()
    if not len(corrected):
        return pd.DataFrame(columns=["percentile", "corrected_s", "uncorrected_s"])
    points = percents(len(corrected))
    return pd.DataFrame(
        {
            "percentile": points,
            "corrected_s": at_percents(corrected, points),
            "uncorrected_s": at_percents(uncorrected, points),
        }
    )


def end_to_end_curve(run: "Run") -> pd.DataFrame:
    """Return the time from an arrival's intended start until READY, against percentile [model s]."""
    rows = run.requests
    rows = rows[(rows["type"] == E2E) & (rows["name"] == "ready") & (rows["intended_at"] >= run.warm_up)]
    times = run.model_seconds(rows["finished_at"] - rows["intended_at"]).dropna().to_numpy(dtype=float)
    if not len(times):
        return pd.DataFrame(columns=["percentile", "ready_s"])
    points = percents(len(times))
    return pd.DataFrame({"percentile": points, "ready_s": at_percents(times, points)})


def percents(count: int) -> "NDArray[Any]":
    """Return percentiles that *count* values can tell apart, evenly on the scale of 1/(1 − p)."""
    # Half a value from the end is the largest one: 100 has no place on this scale.
    tails = np.geomspace(1.0, 2.0 * count, min(CURVE, count + 1))
    points = np.round((1 - 1 / tails) * 100, 6)
    named = [p for p in (50.0, 90.0, 95.0, 99.0, 99.9) if p <= points[-1]]
    return np.union1d(points, named)


def at_percents(values: "NDArray[Any]", points: "NDArray[Any]") -> "Floats":
    """Return the nearest-rank percentiles of *values*; 0 is the smallest."""
    ordered = np.sort(values)
    ranks = [nearest_rank(p, len(ordered)) if p > 0 else 1 for p in points.tolist()]
    return np.asarray(ordered[np.array(ranks) - 1])


def most_at_once(starts: "pd.Series[float]", ends: "pd.Series[float]", edges: "Floats") -> "Floats":
    """
    Return the largest number under way in each bin; what has no end stays to the last.

    Args:
        edges: Of the bins, shape (n + 1,).
    """
    began = starts.notna()
    births = starts[began].to_numpy(dtype=float)
    deaths = ends[began].dropna().to_numpy(dtype=float)
    times = np.concatenate([births, deaths])
    # At one instant what ends goes first: a server handed over serves one.
    order = np.lexsort((np.repeat([1, 0], [len(births), len(deaths)]), times))
    level = np.cumsum(np.repeat([1, -1], [len(births), len(deaths)])[order])
    at_start = np.concatenate([[0], level])[np.searchsorted(times[order], edges[:-1], side="right")]
    most = at_start.astype(float)
    bins = np.searchsorted(edges, times[order], side="right") - 1
    inside = (bins >= 0) & (bins < len(most))
    np.maximum.at(most, bins[inside], level[inside])
    return most


def _per_bin(times: "pd.Series[float]", edges: "Floats") -> "Floats":
    return np.histogram(times.dropna().to_numpy(), bins=edges)[0].astype(float)


def _labelled(labels: "pd.Series[str]", name: str) -> "pd.Series[str]":
    """Return one label of each datum; empty where it has none."""
    known = {text: str(json.loads(text).get(name, "")) for text in labels.unique()}
    return labels.map(known)


def size_classes(run: "Run", few: float | None = None) -> "pd.DataFrame":
    """
    Return processing time against percentile for each class of batches.

    Shoots with a video are one class; those without are cut in two at the median number of photos.

    Args:
        few: Photos a small shoot has at most; the run's own median by default.
    """
    batches = run.batches[run.batches["finished_at"].notna() & run.batches["received_at"].notna()]
    few = median_photos(run) if few is None else few
    spent = run.model_seconds(batches["finished_at"] - batches["received_at"]).to_numpy()
    shoot = (batches["documents"] == 0).to_numpy()
    video = (batches["videos"] > 0).to_numpy()
    small = (batches["photos"] <= few).to_numpy()
    classes = {
        f"up to {few:.0f} photos": shoot & ~video & small,
        f"more than {few:.0f} photos": shoot & ~video & ~small,
        "with video": shoot & video,
        "project files": ~shoot,
    }
    parts = []
    for name, chosen in classes.items():
        if chosen.any():
            points = np.round(np.linspace(0.0, 100.0, min(CURVE, int(chosen.sum())) + 1), 6).astype(
                np.float64
            )
            times = at_percents(spent[chosen], points)
            parts.append(
                pd.DataFrame(
                    {"class": name, "batches": int(chosen.sum()), "percentile": points, "duration_s": times}
                )
            )
    columns = ["class", "batches", "percentile", "duration_s"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def median_photos(run: "Run") -> float:
    """Return the median number of photos of shoots without video; 0 without any."""
    batches = run.batches
    plain = batches.loc[(batches["videos"] == 0) & (batches["documents"] == 0), "photos"].dropna()
    return percentile(plain, 50) if len(plain) else 0.0


def dead_letters(run: "Run") -> pd.DataFrame:
    """Return how many messages had reached the dead-letter queue by the end of each period."""
    rows = run.metrics[run.metrics["metric"] == DEAD_LETTERS]
    length = extent(run)
    edges = np.arange(0.0, length + period_of(length), period_of(length))
    counted = np.histogram(run.model_seconds(rows["at"]), bins=edges, weights=rows["value"])[0]
    return pd.DataFrame({"at_s": edges[1:], "dead_letters": np.cumsum(counted)})
