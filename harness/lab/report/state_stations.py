"""The states of the pipeline over time: their durations, attempts in service and retries. Model seconds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from harness.lab.report.chart_data import bin_edges, extent, most_in_progress, period_of
from harness.lab.results.percentile import percentile
from harness.lab.results.run import Run
from harness.lab.results.stations.station_table import stations_of

STAGES = (
    ("upload", "created_at", "received_at"),
    ("queue", "received_at", "started_at"),
    ("processing", "started_at", "finished_at"),
    ("seen by the client", "finished_at", "observed_at"),
)
"""The stages of a batch: name, and the columns of ``batches`` for its begin and its end."""


def time_spent(run: Run) -> pd.DataFrame:
    """
    Return the stages of a batch and the states of its execution, in order of time.

    ``from_s`` is the median beginning since the batch was received. The percentiles are those of the
    duration, attempts and back-off included, from the first item of a Map to the last.
    """
    rows = [*_stages(run), *_states(run)]
    frame = pd.DataFrame(rows, columns=["kind", "name", "count", "from_s", "p50_s", "p95_s"])
    return frame.sort_values("from_s", kind="stable", ignore_index=True)


def _stages(run: Run) -> Iterator[dict[str, Any]]:
    batches, is_ended = run.batches, run.batches["censored"].eq(False)
    for name, begin, end in STAGES:
        # The states show the same time in more detail.
        if name == "processing" and len(run.steps):
            continue
        spent = run.model_seconds(batches[end] - batches[begin])
        since = run.model_seconds(batches[begin] - batches["received_at"])
        yield from _part("stage", name, since, spent.where(is_ended))


def _states(run: Run) -> Iterator[dict[str, Any]]:
    steps = run.steps[run.steps["finished_at"].notna()]
    visits = steps.groupby(["job_id", "state"], sort=False).agg(
        ready_at=("ready_at", "min"), finished_at=("finished_at", "max")
    )
    jobs = run.batches.dropna(subset=["job_id"]).drop_duplicates("job_id").set_index("job_id")
    received = jobs["received_at"].reindex(visits.index.get_level_values("job_id")).to_numpy()
    since = run.model_seconds(visits["ready_at"] - received)
    spent = run.model_seconds(visits["finished_at"] - visits["ready_at"])
    for state, of_state in spent.groupby(level="state", sort=False):
        yield from _part("state", str(state), since.loc[of_state.index], of_state)


def _part(
    kind: str, name: str, since: "pd.Series[float]", spent: "pd.Series[float]"
) -> Iterator[dict[str, Any]]:
    known = spent.notna() & since.notna()
    if known.any():
        times = spent[known].clip(lower=0)
        yield {
            "kind": kind,
            "name": name,
            "count": int(known.sum()),
            "from_s": percentile(since[known], 50),
            "p50_s": percentile(times, 50),
            "p95_s": percentile(times, 95),
        }


def busy_over_time(run: Run) -> pd.DataFrame:
    """Return the most attempts of each state in service at once, by period."""
    parts = [pd.DataFrame(columns=["state", "at_s", "busy"])]
    stations = stations_of(run)
    # An attempt ends with its event, a moment after its server is free.
    most = stations[stations["kind"] == "state"].set_index("station")["busy_max"]
    for state, rows in run.steps.groupby("state", sort=False):
        busy = np.minimum(most_in_progress(run, rows, "started_at", "finished_at"), most[state])
        parts.append(pd.DataFrame({"state": str(state), "at_s": bin_edges(run)[:-1], "busy": busy}))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def retries_over_time(run: Run) -> pd.DataFrame:
    """Return first and further attempts that began in each period, by state."""
    steps = run.steps[run.steps["started_at"].notna()]
    period = period_of(extent(run), 60)
    at = ((run.model_seconds(steps["started_at"]) // period) * period).rename("at_s")
    again = steps["attempt"].gt(1)
    counted = again.groupby([steps["state"], at]).agg(["size", "sum"])
    counted.columns = pd.Index(["attempts", "retries"])
    return counted.reset_index()
