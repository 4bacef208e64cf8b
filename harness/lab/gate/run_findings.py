"""
Findings of a run that CloudWatch alarms cannot show: streaks of failures, and unfinished batches.

CloudWatch counts consecutive failing *periods*; "consecutive failures" often means *invocations*. Both are
reported. A completion metric has no value for a batch that never completes. Unfinished batches are therefore
counted here with the time they have waited so far, a lower bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.lab.results.host.host_influence import host_influence
from harness.lab.results.metric_names import BATCHES_CREATED
from harness.lab.results.notes import DAMAGED_PARTS
from harness.lab.results.percentile import percentile

STEP_COLUMNS = ("job_id", "state", "item", "attempt", "started_at", "finished_at", "outcome", "error")
"""The columns of the ``steps`` table that `failure_streaks` needs."""


CREATED_STATUS = '"status":"PENDING_UPLOAD"'
"""The label of a batch that was created; it has other statuses later."""

CANARIES = 1
"""The check before a run creates a batch, whose metric may arrive after the run began [count]."""

if TYPE_CHECKING:
    from harness.lab.results.run import Run


@dataclass(frozen=True, slots=True)
class FailureStreak:
    """
    The longest streak of failures of one state, in invocations and in minutes with a failure.

    Attributes:
        throttled: How many of the failures were throttles: the work had not begun [count].
    """

    state: str
    invocations: int
    failures: int
    longest_by_invocation: int
    longest_by_period: int
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """
    Batches the pipeline had not finished when the run ended.

    Attributes:
        oldest_s: Age of the oldest [model s], or 0.
        p95_with_them_s: p95 of the processing duration of all batches, as if these ended with the run
            [model s]; None without batches.
        p95_without_s: p95 of the finished ones alone [model s].
    """

    batches: int
    oldest_s: float
    p95_with_them_s: float | None
    p95_without_s: float | None


def doubts_of(run: "Run") -> Iterable[str]:
    """Yield the reasons why the figures of a run cannot be trusted."""
    if not run.header.complete:
        yield "The run has not ended, or did not end properly: records are missing."
    damaged = run.header.notes.get(DAMAGED_PARTS, [])
    if not isinstance(damaged, list):
        raise ValueError(f"{run.folder}/run.json: {DAMAGED_PARTS} must be a list")
    if damaged:
        yield f"The end of {' and '.join(map(str, damaged))} could not be read: records are missing."
    if count := run.header.lost_workers:
        yield f"{'A worker was' if count == 1 else f'{count} workers were'} lost: their arrivals are missing."
    generator = run.header.notes.get("generator")
    if isinstance(generator, dict):
        findings = generator.get("findings", [])
        if not isinstance(findings, list):
            raise ValueError(f"{run.folder}/run.json: the findings of the generator must be a list")
        yield from map(str, findings)
    influence = host_influence(run) if run.header.engine == "live" else None
    if influence is not None:
        yield from influence.findings()


def warnings_of(run: "Run") -> Iterable[str]:
    """Yield a sentence if the service created more batches during a live run than the run itself."""
    if run.header.engine != "live":
        return
    metrics = run.metrics[run.metrics["metric"] == BATCHES_CREATED]
    counted = int(metrics.loc[metrics["labels"].str.contains(CREATED_STATUS, regex=False), "value"].sum())
    # A request without an answer may have created a batch, too.
    sent = run.timings[(run.timings["type"] == "POST") & (run.timings["outcome"] != "refused")]
    own = int((sent["name"].str.startswith("forbidden") | (sent["name"] == "uploads")).sum())
    if counted > own + CANARIES:
        yield (
            f"The service counted {counted} new batches, and this run created at most {own}: another client "
            "used the same service, and alarms and metrics include its batches."
        )


def failure_streaks(steps: pd.DataFrame, time_scale: float) -> list[FailureStreak]:
    """Return the longest streaks of failures by state, worst first, without states that never failed."""
    failures = steps["outcome"] == "FAILED"
    failing = steps["outcome"].isin(["SUCCEEDED", "FAILED"]) & steps["state"].isin(
        steps.loc[failures, "state"].unique()
    )
    ended = steps[failing].sort_values(["finished_at", "job_id", "item", "attempt"])
    streaks = []
    for state, rows in ended.groupby("state", observed=True):
        failed = (rows["outcome"] != "SUCCEEDED").to_numpy()
        # Lambda records an error at the start time of the invocation.
        minutes = {int(at * time_scale // 60) for at in rows.loc[failed, "started_at"].dropna()}
        longest = _longest(failed), _longest_contiguous(minutes)
        throttled = int(is_throttled(rows.loc[failed, "error"]).sum())
        streaks.append(FailureStreak(str(state), len(rows), int(failed.sum()), *longest, throttled))
    return sorted(streaks, key=lambda streak: (-streak.longest_by_invocation, streak.state))


def is_throttled(errors: "pd.Series[str]") -> "pd.Series[bool]":
    """Return which errors of states say that a service had no capacity."""
    return errors.astype(object).fillna("").str.contains("TooManyRequests|Throttl", regex=True).astype(bool)


def unfinished(batches: pd.DataFrame, ended_at: float, time_scale: float) -> Unfinished:
    """Return the batches that had not finished at *ended_at* [s of the rows], the end of the run."""
    waiting = unfinished_waits(batches, ended_at)["waited_s"].to_numpy(float) * time_scale
    ended = batches[batches["received_at"].notna() & ~_is_open(batches)]
    finished = (ended["finished_at"] - ended["received_at"]).to_numpy(float) * time_scale
    return Unfinished(
        batches=int(waiting.size),
        oldest_s=float(waiting.max()) if waiting.size else 0.0,
        p95_with_them_s=_p95(np.concatenate([finished, waiting])),
        p95_without_s=_p95(finished),
    )


def unfinished_waits(batches: pd.DataFrame, ended_at: float) -> pd.DataFrame:
    """Return ``received_at`` and ``waited_s`` [s of the rows] of batches received but not finished."""
    waiting = batches[batches["received_at"].notna() & _is_open(batches)]
    return pd.DataFrame(
        {"received_at": waiting["received_at"], "waited_s": ended_at - waiting["received_at"]}
    )


def _is_open(batches: pd.DataFrame) -> "pd.Series[bool]":
    return batches["censored"].fillna(False).astype(bool) | batches["finished_at"].isna()


def _p95(values: np.ndarray) -> float | None:
    return percentile(values, 95) if values.size else None


def _longest(failed: Iterable[bool]) -> int:
    longest = current = 0
    for one in failed:
        current = current + 1 if one else 0
        longest = max(longest, current)
    return longest


def _longest_contiguous(minutes: set[int]) -> int:
    return _longest(minute in minutes for minute in range(min(minutes), max(minutes) + 1)) if minutes else 0
