"""
The states of the pipeline as stations: what waits, what is served, and for how long. Model seconds.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.lab.report.frames import extent, most_at_once, period_of
from harness.lab.results.percentile import percentile

if TYPE_CHECKING:
    from harness.lab.results.run import Run

STAGES = (
    ("upload", "created_at", "received_at"),
    ("queue", "received_at", "started_at"),
    ("processing", "started_at", "finished_at"),
    ("seen by the client", "finished_at", "observed_at"),
)
"""What a batch goes through, as the ``batches`` table tells it."""


def time_spent(run: "Run") -> pd.DataFrame:
    """
    Return where the time of a batch goes, in the order things happen.

    A row is a stage of the batch or a state of its execution. ``from_s`` is its median beginning since
    the batch was received; the others are percentiles of how long it took, its attempts and back-off
    included. Steps of a Map count from the first item to the last.
    """
    rows = [*_stages(run), *_states(run)]
    columns = ["kind", "name", "count", "from_s", "p50_s", "p95_s"]
    return pd.DataFrame(rows, columns=columns).sort_values("from_s", kind="stable", ignore_index=True)


def _stages(run: "Run") -> list[tuple[str, str, int, float, float, float]]:
    found = []
    for name, begin, end in STAGES:
        # With steps the states say more than the one word.
        if name == "processing" and len(run.steps):
            continue
        begins, spent = run.batches[begin], run.model_seconds(run.batches[end] - run.batches[begin])
        since = run.model_seconds(begins - run.batches["received_at"])
        row = _row("stage", name, since, spent.where(run.batches["censored"].eq(False)))
        if row is not None:
            found.append(row)
    return found


def _states(run: "Run") -> list[tuple[str, str, int, float, float, float]]:
    steps = run.steps[run.steps["finished_at"].notna()]
    if steps.empty:
        return []
    visits = steps.groupby(["job_id", "state"], sort=False).agg(
        ready_at=("ready_at", "min"), finished_at=("finished_at", "max")
    )
    received = (
        run.batches.dropna(subset=["job_id"]).drop_duplicates("job_id").set_index("job_id")["received_at"]
    )
    jobs = visits.index.get_level_values("job_id")
    since = run.model_seconds(visits["ready_at"] - received.reindex(jobs).to_numpy())
    spent = run.model_seconds(visits["finished_at"] - visits["ready_at"])
    found = []
    for state, of_state in spent.groupby(level="state", sort=False):
        row = _row("state", str(state), since.loc[of_state.index], of_state)
        if row is not None:
            found.append(row)
    return found


def _row(
    kind: str, name: str, since: "pd.Series[float]", spent: "pd.Series[float]"
) -> tuple[str, str, int, float, float, float] | None:
    known = spent.notna() & since.notna()
    if not known.any():
        return None
    times = spent[known].clip(lower=0)
    return (
        kind,
        name,
        int(known.sum()),
        percentile(since[known], 50),
        percentile(times, 50),
        percentile(times, 95),
    )


def stations(run: "Run") -> pd.DataFrame:
    """
    Return one row per state: how often it was attempted, how long it waited and worked, how busy it was.

    ``mean_busy`` is the time-average of attempts in service, ``most_busy`` the most at once; ``utilisation``
    is of the capacity the scenario's platform states, absent where it states none.
    """
    steps, length = run.steps, extent(run)
    edges = np.arange(0.0, length + period_of(length), period_of(length))
    rows = []
    for state, of_state in steps.groupby("state", sort=False):
        began, ended = run.model_seconds(of_state["started_at"]), run.model_seconds(of_state["finished_at"])
        wait = (began - run.model_seconds(of_state["ready_at"])).dropna().clip(lower=0)
        service = (ended - began).dropna()
        rows.append(
            {
                "state": str(state),
                "attempts": len(of_state),
                "arrival_rate_per_s": len(of_state) / length,
                "wait_p95_s": percentile(wait, 95) if len(wait) else np.nan,
                "service_p50_s": percentile(service, 50) if len(service) else np.nan,
                "service_p95_s": percentile(service, 95) if len(service) else np.nan,
                "mean_busy": float((ended.fillna(length) - began).dropna().clip(lower=0).sum()) / length,
                "most_busy": float(most_at_once(began, ended, edges).max(initial=0.0)),
                "most_waiting": float(
                    most_at_once(run.model_seconds(of_state["ready_at"]), began, edges).max(initial=0.0)
                ),
            }
        )
    return pd.DataFrame(rows)


def busy_over_time(run: "Run") -> pd.DataFrame:
    """Return the most attempts of each state in service at once, by period."""
    length = extent(run)
    edges = np.arange(0.0, length + period_of(length), period_of(length))
    frames = [
        pd.DataFrame(
            {
                "state": str(state),
                "at_s": edges[:-1],
                "busy": most_at_once(
                    run.model_seconds(of_state["started_at"]),
                    run.model_seconds(of_state["finished_at"]),
                    edges,
                ),
            }
        )
        for state, of_state in run.steps.groupby("state", sort=False)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["state", "at_s", "busy"])


def retries_over_time(run: "Run") -> pd.DataFrame:
    """Return first and further attempts that began in each period, by state."""
    steps = run.steps[run.steps["started_at"].notna()]
    period = period_of(extent(run), 60)
    at = ((run.model_seconds(steps["started_at"]) // period) * period).rename("at_s")
    again = steps["attempt"].gt(1)
    counted = again.groupby([steps["state"], at]).agg(["size", "sum"])
    counted.columns = pd.Index(["attempts", "retries"])
    return counted.reset_index()
