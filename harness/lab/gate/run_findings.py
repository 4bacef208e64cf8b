"""
What CloudWatch cannot see, read from the rows of a run.

CloudWatch counts failing *periods*; people who say "consecutive failures" often mean *invocations*. Both are
reported. A completion metric cannot show what never completes; unfinished batches therefore count here with
the time they have waited so far, a lower bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.lab.results.percentile import percentile

STEP_COLUMNS = ("job_id", "state", "item", "attempt", "started_at", "finished_at", "outcome")
"""What of the ``steps`` table says how often a state failed."""


@dataclass(frozen=True, slots=True)
class FailureStreak:
    """The longest run of failures of one state: in invocations, and in minutes with at least one."""

    state: str
    invocations: int
    failures: int
    longest_by_invocation: int
    longest_by_period: int


@dataclass(frozen=True, slots=True)
class Unfinished:
    """
    Batches the pipeline had not finished when the run ended.

    Attributes:
        batches: How many.
        oldest_s: Age of the oldest [model s], 0 if there is none.
        p95_with_them_s: p95 of the processing duration if they had all ended now [model s]; None without
            batches.
        p95_without_s: p95 of the finished ones alone [model s].
    """

    batches: int
    oldest_s: float
    p95_with_them_s: float | None
    p95_without_s: float | None


def failure_streaks(steps: pd.DataFrame, time_scale: float) -> list[FailureStreak]:
    """
    Return the longest streaks of failures by state, worst first; states without a failure are left out.

    Args:
        time_scale: Model seconds per second of the rows.
    """
    failures = steps["outcome"] == "FAILED"
    failing = steps["outcome"].isin(["SUCCEEDED", "FAILED"]) & steps["state"].isin(
        steps.loc[failures, "state"].unique()
    )
    ended = steps[failing].sort_values(["finished_at", "job_id", "item", "attempt"])
    streaks = []
    for state, rows in ended.groupby("state", observed=True):
        failed = (rows["outcome"] != "SUCCEEDED").to_numpy()
        # Lambda stamps its errors with the start of the invocation.
        minutes = {int(at * time_scale // 60) for at in rows.loc[failed, "started_at"].dropna()}
        streaks.append(
            FailureStreak(
                str(state), len(rows), int(failed.sum()), _longest(failed), _longest_contiguous(minutes)
            )
        )
    return sorted(streaks, key=lambda streak: (-streak.longest_by_invocation, streak.state))


def unfinished(batches: pd.DataFrame, ended_at: float, time_scale: float) -> Unfinished:
    """
    Return what was not done when the run ended.

    Args:
        ended_at: When the run ended, on the clock of the rows [s].
        time_scale: Model seconds per second of the rows.
    """
    waiting = waits(batches, ended_at)["waited_s"].to_numpy(float) * time_scale
    ended = batches[batches["received_at"].notna() & ~_is_open(batches)]
    finished = (ended["finished_at"] - ended["received_at"]).to_numpy(float) * time_scale
    return Unfinished(
        batches=int(waiting.size),
        oldest_s=float(waiting.max()) if waiting.size else 0.0,
        p95_with_them_s=_p95(np.concatenate([finished, waiting])),
        p95_without_s=_p95(finished),
    )


def waits(batches: pd.DataFrame, ended_at: float) -> pd.DataFrame:
    """Return batches that were received and had not ended: ``received_at``, ``waited_s`` [s, as the rows]."""
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
