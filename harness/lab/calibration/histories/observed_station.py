"""
The resource of a Task, measured from its attempts: queue, servers, service time, failures, cold starts.

Times are seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from harness.lab.calibration.duration_family import Floats
from harness.lab.calibration.emergent_errors import TIME_OUTS, is_emergent
from harness.lab.calibration.histories.cold_starts import ColdStarts, find_cold_starts
from harness.lab.calibration.histories.duration_fit import DurationFit, fit_duration
from harness.lab.calibration.histories.recorded_tasks import ACTIVITY, LAMBDA
from harness.lab.calibration.histories.server_count import (
    ServerCount,
    hidden_servers,
    most_at_once,
    seen_servers,
)


@dataclass(frozen=True, slots=True)
class FailureRate:
    """How often attempts fail with an error: the share [0…1] and its 95 % interval."""

    error: str
    failed: int
    attempts: int

    @property
    def rate(self) -> float:
        return self.failed / self.attempts

    @property
    def interval(self) -> tuple[float, float]:
        """
        The interval of Wilson.

        Source:
            Brown, Cai and DasGupta, Interval estimation for a binomial proportion, 2001.
        """
        score, size = 1.959964, self.attempts
        middle = (self.rate + score**2 / (2 * size)) / (1 + score**2 / size)
        half = score * np.sqrt(self.rate * (1 - self.rate) / size + score**2 / (4 * size**2))
        half /= 1 + score**2 / size
        return max(0.0, float(middle - half)), min(1.0, float(middle + half))


@dataclass(frozen=True, eq=False)
class ObservedStation:
    """
    The resource of one or several Tasks.

    Attributes:
        name: Name of the state; of an activity that several states share, its ARN.
        states: The states that use it.
        fit: The service time; None with too few observations. Cold invocations are left out.
        waits: Time from ready to the begin of the service, of each attempt; infinite if it was never served;
            shape (attempts,).
        failures: By error, without those that the platform makes by itself.
    """

    name: str
    kind: str
    resource: str
    states: Sequence[str]
    attempts: int
    retries: int
    servers: ServerCount
    fit: DurationFit | None
    service: Floats
    waits: Floats
    cold: ColdStarts | None
    failures: Sequence[FailureRate]
    errors: Mapping[str, int]

    @classmethod
    def of(cls, name: str, rows: pd.DataFrame) -> Self:
        """Measure a resource from its attempts in the order in which they were ready; see `RecordedTask`."""
        kind, resource = str(rows["kind"].iloc[0]), str(rows["resource"].iloc[0])
        ready, ended = rows["ready_at"].to_numpy(float), rows["ended_at"].to_numpy(float)
        servers = _servers(kind, rows)
        begun = servers.begun_at
        cold = _cold(kind, rows, ended)
        fit, service = _service(rows, begun, cold)
        errors = rows.loc[rows["outcome"] == "FAILED", "error"].fillna("States.TaskFailed").value_counts()
        return cls(
            name,
            kind,
            resource,
            list(rows["state"].unique()),
            len(rows),
            int((rows["attempt"] > 1).sum()),
            servers,
            fit,
            service,
            begun - ready,
            cold,
            _failures(rows, errors),
            {str(error): int(count) for error, count in errors.items()},
        )


def _servers(kind: str, rows: pd.DataFrame) -> ServerCount:
    """Return the servers of a resource; the attempts that it refused never began."""
    taken = ~rows["was_refused"].to_numpy(bool)
    count = _servers_of_taken(kind, rows[taken])
    begun = np.full(len(rows), np.inf)
    begun[taken] = count.begun_at
    return replace(count, begun_at=begun)


def _servers_of_taken(kind: str, rows: pd.DataFrame) -> ServerCount:
    ready, left = rows["ready_at"].to_numpy(float), rows["left_at"].to_numpy(float)
    if kind == LAMBDA:
        most = most_at_once(ready, left)
        return ServerCount(None, (most, None), most, ready)
    if kind == ACTIVITY:
        started = rows["started_at"].to_numpy(float)
        # An attempt that was never taken by a worker has not begun.
        return seen_servers(ready, np.where(np.isfinite(started), started, np.inf), left)
    is_complete = rows["ended_at"].notna() & ~rows["error"].isin(TIME_OUTS)
    return hidden_servers(ready, left, is_complete.to_numpy(bool))


def _cold(kind: str, rows: pd.DataFrame, ended: Floats) -> ColdStarts | None:
    done = (rows["outcome"] == "SUCCEEDED").to_numpy()
    if kind != LAMBDA or done.sum() < 50:
        return None
    return find_cold_starts(rows["ready_at"].to_numpy(float)[done], ended[done])


def _service(rows: pd.DataFrame, begun: Floats, cold: ColdStarts | None) -> tuple[DurationFit | None, Floats]:
    """Return the fitted service time of warm attempts, and the known ones of all that succeeded."""
    done = (rows["outcome"] == "SUCCEEDED").to_numpy()
    # Stopped, timed out or still under way: the service took longer than what was seen of it.
    is_open = (rows["outcome"] == "OPEN") | rows["error"].fillna("").eq("States.Timeout")
    censored = is_open.to_numpy() & np.isfinite(begun)
    times = rows["seen_until"].to_numpy(float) - begun
    warm = done.copy()
    if cold is not None:
        warm[np.flatnonzero(done)[cold.is_cold]] = False
    kept = warm | (censored & (times > 0))
    try:
        return fit_duration(times[kept], censored[kept]), times[done]
    except ValueError:
        return None, times[done]


def _failures(rows: pd.DataFrame, errors: "pd.Series[int]") -> list[FailureRate]:
    """Return the rates of the errors of the work itself, per attempt that ended."""
    emergent = rows["error"].fillna("").map(is_emergent).astype(bool)
    ended = int(((rows["outcome"] != "OPEN") & ~emergent).sum())
    return [
        FailureRate(str(error), int(count), ended)
        for error, count in errors.items()
        if not is_emergent(str(error))
    ]
