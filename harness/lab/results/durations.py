"""
How long batches took: one by one, and as percentiles of each period. Model seconds.
"""

from typing import TYPE_CHECKING

from harness.lab.results.percentile import percentile

if TYPE_CHECKING:
    import pandas as pd

    from harness.lab.results.run import Run

PROCESSING = "media_processing_duration_seconds"

PARTS = {
    "upload_s": ("created_at", "received_at"),
    "queue_s": ("received_at", "started_at"),
    "pipeline_s": ("started_at", "finished_at"),
    "processing_s": ("received_at", "finished_at"),
    "ready_s": ("intended_at", "observed_at"),
}
"""What a batch's time is made of, and from when to when each part lasts."""


def durations(run: "Run") -> "pd.DataFrame":
    """Return how long every job of a batch took, and each part of it; see `Run.durations`."""
    batches = run.batches
    frame = batches[["batch_id", "attempt", "family", "photos", "videos", "documents", "outcome"]].copy()
    frame.insert(1, "at_s", run.model_seconds(batches["intended_at"]))
    for name, (begin, end) in PARTS.items():
        frame[name] = run.model_seconds(batches[end] - batches[begin])
    return frame


def processing(run: "Run") -> "pd.DataFrame":
    """
    Return every processing time: when it was known, and how long it was.

    From the metric the alarm reads; from the batches where no metrics were recorded.
    """
    import pandas as pd  # heavy: only whoever wants a frame pays

    rows = run.metrics[run.metrics["metric"] == PROCESSING]
    if len(rows):
        times = {"at_s": run.model_seconds(rows["at"]), "duration_s": run.model_seconds(rows["value"])}
    else:
        ended = run.batches[run.batches["finished_at"].notna() & run.batches["received_at"].notna()]
        times = {
            "at_s": run.model_seconds(ended["finished_at"]),
            "duration_s": run.model_seconds(ended["finished_at"] - ended["received_at"]),
        }
    return pd.DataFrame(times).dropna().reset_index(drop=True)


def percentiles(run: "Run", period: float) -> "pd.DataFrame":
    """
    Return p50, p95 and p99 of the processing times that ended in each period.

    Returns:
        Index ``at_s``, the start of the period; ``samples`` [count], ``p50_s``, ``p95_s``, ``p99_s``. A
        period without any is absent.

    Raises:
        ValueError: *period* is not positive.
    """
    if period <= 0:
        raise ValueError(f"a period is longer than {period} s")
    times = processing(run)
    return over_time(times["at_s"], times["duration_s"], period).set_index("at_s")


def over_time(at: "pd.Series[float]", values: "pd.Series[float]", period: float) -> "pd.DataFrame":
    """Return p50, p95 and p99 of *values* in each period that has any."""
    import numpy as np
    import pandas as pd

    known = at.notna() & values.notna()
    order = np.argsort(at[known].to_numpy(), kind="stable")
    times, ordered = at[known].to_numpy()[order], values[known].to_numpy()[order]
    numbers, firsts = np.unique(np.floor(times / period), return_index=True)
    groups = np.split(ordered, firsts[1:]) if len(numbers) else []
    columns = {f"p{p}_s": [percentile(group, p) for group in groups] for p in (50, 95, 99)}
    return pd.DataFrame({"at_s": numbers * period, "samples": [len(group) for group in groups], **columns})
