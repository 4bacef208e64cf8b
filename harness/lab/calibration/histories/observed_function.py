"""
A Lambda function, measured from the invocations of all states that use it: its limit and its environments.

Times are seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from harness.lab.calibration.histories.cold_starts import ColdStarts, find_keep_alive
from harness.lab.calibration.histories.observed_station import ObservedStation
from harness.lab.calibration.histories.recorded_tasks import LAMBDA
from harness.lab.calibration.histories.server_count import most_at_once


@dataclass(frozen=True, eq=False)
class ObservedFunction:
    """
    One function.

    Attributes:
        cold: Its cold starts, of the states together; None if no state shows any.
        concurrency: Most invocations at once, if some were throttled; None without throttles.
    """

    name: str
    states: Sequence[str]
    cold: ColdStarts | None
    concurrency: int | None

    @classmethod
    def of(cls, name: str, rows: pd.DataFrame, stations: Sequence[ObservedStation]) -> Self:
        """
        Measure a function.

        Args:
            rows: Its invocations, in the order in which they were ready; see `RecordedTask`. Also
                ``cold_probability``, not a number if it is unknown.
            stations: Those of its states.
        """
        taken = rows[~rows["was_refused"]]
        throttled = rows["error"].fillna("").str.contains("TooManyRequests").any()
        most = most_at_once(taken["ready_at"].to_numpy(float), taken["left_at"].to_numpy(float))
        found = [station.cold for station in stations if station.cold is not None]
        cold = _together(found, rows[rows["outcome"] == "SUCCEEDED"]) if found else None
        return cls(name, list(rows["state"].unique()), cold, most if throttled else None)


def observed_functions(stations: Sequence[ObservedStation], tasks: pd.DataFrame) -> list[ObservedFunction]:
    """Return the functions of a state machine, from its stations and the attempts of its Tasks."""
    rows = tasks.assign(cold_probability=_cold_probability(stations, tasks))
    return [
        ObservedFunction.of(str(name), of_function, [one for one in stations if one.resource == name])
        for name, of_function in rows[rows["kind"] == LAMBDA].groupby("resource", sort=False)
    ]


def _cold_probability(stations: Sequence[ObservedStation], tasks: pd.DataFrame) -> "pd.Series[float]":
    found = pd.Series(np.nan, index=tasks.index)
    for station in stations:
        if station.cold is not None:
            done = tasks["state"].isin(station.states) & (tasks["outcome"] == "SUCCEEDED")
            found[done] = station.cold.probability
    return found


def _together(found: Sequence[ColdStarts], done: pd.DataFrame) -> ColdStarts:
    """Return the cold starts of several states, each weighted by its number of invocations."""
    sizes = np.array([each.probability.size for each in found], dtype=np.float64)
    cold = sizes * [each.share for each in found]
    logs = np.log([each.median for each in found])
    middle = float(np.average(logs, weights=cold))
    variances = np.array([each.sigma for each in found]) ** 2 + (logs - middle) ** 2
    low, high = np.average([each.interval for each in found], axis=0, weights=sizes)
    begun, ended = done["ready_at"].to_numpy(float), done["ended_at"].to_numpy(float)
    probability = done["cold_probability"].to_numpy(float)
    return ColdStarts(
        float(cold.sum() / sizes.sum()),
        (float(low), float(high)),
        float(np.exp(middle)),
        float(np.sqrt(np.average(variances, weights=cold))),
        probability,
        find_keep_alive(begun, ended, probability),
    )
