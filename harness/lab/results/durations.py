"""
Durations of batches: the parts of each, and percentiles over time. Results are model seconds.
"""

from typing import TYPE_CHECKING

from harness.lab.results.metric_names import PROCESSING_DURATION
from harness.lab.results.percentile import percentile

if TYPE_CHECKING:
    import pandas as pd

INTERVALS = {
    "upload_s": ("created_at", "received_at"),
    "queue_s": ("received_at", "started_at"),
    "pipeline_s": ("started_at", "finished_at"),
    "processing_s": ("received_at", "finished_at"),
    "ready_s": ("intended_at", "observed_at"),
}
"""The parts of a batch's time, each with the columns of its begin and its end."""


def durations(batches: "pd.DataFrame", time_scale: float) -> "pd.DataFrame":
    """Return the duration of every job of a batch and of its parts; see `Run.durations`."""
    frame = batches[["batch_id", "attempt", "family", "photos", "videos", "documents", "outcome"]].copy()
    frame.insert(1, "at_s", batches["intended_at"] * time_scale)
    for name, (begin, end) in INTERVALS.items():
        frame[name] = (batches[end] - batches[begin]) * time_scale
    return frame


def processing_times(metrics: "pd.DataFrame", batches: "pd.DataFrame", time_scale: float) -> "pd.DataFrame":
    """Return every processing time and when it was known; see `Run.processing_times`."""
    import pandas as pd  # heavy: imported only where a frame is made

    rows = metrics[metrics["metric"] == PROCESSING_DURATION]
    if len(rows):
        times = {"at_s": rows["at"], "duration_s": rows["value"]}
    else:
        ended = batches[batches["finished_at"].notna() & batches["received_at"].notna()]
        times = {"at_s": ended["finished_at"], "duration_s": ended["finished_at"] - ended["received_at"]}
    frame = pd.DataFrame({name: column * time_scale for name, column in times.items()})
    return frame.dropna().reset_index(drop=True)


def percentiles_over_time(
    at: "pd.Series[float]", values: "pd.Series[float]", period: float
) -> "pd.DataFrame":
    """
    Return p50, p95 and p99 of *values* in each period.

    Returns:
        ``at_s``, the start of the period; ``samples`` [count], ``p50_s``, ``p95_s``, ``p99_s``. A period
        without values is absent.

    Raises:
        ValueError: *period* is not positive.
    """
    import numpy as np
    import pandas as pd

    if period <= 0:
        raise ValueError(f"a period must be longer than 0 s, not {period} s")
    known = at.notna() & values.notna()
    order = np.argsort(at[known].to_numpy(), kind="stable")
    times, ordered = at[known].to_numpy()[order], values[known].to_numpy()[order]
    numbers, firsts = np.unique(np.floor(times / period), return_index=True)
    groups = np.split(ordered, firsts[1:]) if len(numbers) else []
    columns = {f"p{p}_s": [percentile(group, p) for group in groups] for p in (50, 95, 99)}
    return pd.DataFrame({"at_s": numbers * period, "samples": [len(group) for group in groups], **columns})
