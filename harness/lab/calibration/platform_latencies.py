"""
The latencies around the steps, as runs have observed them: API, object store, and the hop between two Tasks.

Times are model seconds, of observations after the warm-up, while the host had free processors. What a run
cannot tell apart is left to the platform: network and handling of a request count as one, and so do outbox,
queue and dispatcher.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from harness.lab.calibration.calm_times import is_calm
from harness.lab.calibration.duration_family import Floats
from harness.lab.results.run import Run

Latencies = dict[str, Floats]


def observed_latencies(runs: Sequence[Run], tasks: set[str]) -> Latencies:
    """
    Return the observed latencies by platform parameter, e.g. ``api.request_s``.

    Args:
        tasks: Names of the states that are Tasks.
    """
    gathered: dict[str, list[Floats]] = {}
    for run in runs:
        for name, values in _latencies(run, tasks):
            gathered.setdefault(name, []).append(values[np.isfinite(values) & (values > 0)])
    return {name: np.concatenate(values) for name, values in gathered.items()}


def queue_times(runs: Sequence[Run]) -> Floats:
    """Return the times from RECEIVED to the start of the execution: outbox, queue and dispatcher."""
    times = [run.model_seconds(_queued(run)) for run in runs]
    return np.asarray(pd.concat(times).dropna(), dtype=np.float64)


def _queued(run: Run) -> "pd.Series[float]":
    """Return how long each batch that was received after the warm-up was queued [clock s]."""
    batches = run.batches[run.batches["received_at"] >= run.warm_up]
    return batches["started_at"] - batches["received_at"]


def _latencies(run: Run, tasks: set[str]) -> Iterator[tuple[str, Floats]]:
    sent = run.requests[(run.requests["outcome"] == "ok") & (run.requests["started_at"] >= run.warm_up)]
    small = (sent["bytes_in"] + sent["bytes_out"]) < 100_000
    for name, rows in (
        ("api.request_s", sent[sent["type"] == "POST"]),
        ("s3.request_s", sent[(sent["type"] == "PUT") & small]),
        ("stepfunctions.hop_s", _hops(run.steps, tasks, run.warm_up)),
    ):
        begun, ended = (rows[column].to_numpy(float) for column in ("started_at", "finished_at"))
        taken = (ended - begun) * run.time_scale
        yield name, taken[is_calm(run, begun, ended)]


def _hops(steps: pd.DataFrame, tasks: set[str], warm_up: float) -> pd.DataFrame:
    """
    Return the way from the end of a state to the start of the Task that follows, of states after the warm-up.

    Returns:
        ``started_at``, ``finished_at`` of each hop [clock s since the run began].
    """
    ended = steps.dropna(subset=["finished_at"])[["job_id", "finished_at"]].rename(
        columns={"finished_at": "before"}
    )
    entered = steps.dropna(subset=["ready_at", "started_at"])
    first = entered[entered["state"].isin(tasks) & (entered["attempt"] == 1) & (entered["item"] == 0)]
    containers = entered[~entered["state"].isin(tasks)][["job_id", "ready_at"]].rename(
        columns={"ready_at": "before"}
    )
    ended, containers = ended.assign(is_end=True), containers.assign(is_end=False)
    events = pd.concat([ended, containers]).sort_values("before", kind="stable")
    joined = pd.merge_asof(
        first[["job_id", "ready_at", "started_at"]].sort_values("ready_at", kind="stable"),
        events,
        left_on="ready_at",
        right_on="before",
        by="job_id",
    )
    # The first Task of a branch follows the begin of its container, which is no hop between Tasks.
    following = joined[joined["is_end"].eq(True) & (joined["before"] >= warm_up)]
    return pd.DataFrame({"started_at": following["before"], "finished_at": following["started_at"]})
