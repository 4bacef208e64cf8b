"""
A state machine measured from the histories of its executions.

Times are seconds.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

import numpy as np
import pandas as pd

from harness.lab.calibration.duration_family import Floats
from harness.lab.calibration.histories.arrival_process import ArrivalProcess
from harness.lab.calibration.histories.duration_fit import empirical
from harness.lab.calibration.histories.history_folder import HistoryFolder
from harness.lab.calibration.histories.machine_definition import named_functions
from harness.lab.calibration.histories.observed_function import ObservedFunction, observed_functions
from harness.lab.calibration.histories.observed_station import ObservedStation
from harness.lab.calibration.histories.recorded_execution import RecordedExecution
from harness.lab.calibration.histories.recorded_tasks import ACTIVITY, UNNAMED, plain_hops, recorded_tasks
from harness.lab.calibration.service_fit import AT_LEAST
from harness.lab.results.percentile import percentile
from harness.lab.workload.distributions.distribution import Distribution


@dataclass(frozen=True, eq=False)
class ObservedMachine:
    """
    What the histories tell about a state machine.

    Attributes:
        tasks: The attempts of its Tasks; columns as in `RecordedTask`.
        stations: The resources of its Tasks.
        functions: Its Lambda functions.
        hops: Latencies of the workflow engine: ``start_s``, ``hop_s`` (into a Task), ``plain_hop_s``.
    """

    executions: Sequence[RecordedExecution]
    definition: Mapping[str, Any] | None
    tasks: pd.DataFrame
    stations: Sequence[ObservedStation]
    functions: Sequence[ObservedFunction]
    arrivals: ArrivalProcess
    hops: Mapping[str, Distribution]

    @classmethod
    def of(cls, folder: HistoryFolder) -> Self:
        """Measure the state machine of a folder."""
        named = named_functions(folder.definition)
        executions, tasks = folder.executions, recorded_tasks(folder.executions, named)
        keys = tasks["resource"].where(tasks["kind"] == ACTIVITY, tasks["state"])
        stations = [
            ObservedStation.of(_name(rows), rows.reset_index(drop=True))
            for _, rows in tasks.groupby(keys, sort=False)
        ]
        # A simulation knows a function by the name in the definition.
        known = set(tasks["resource"]) - {UNNAMED} if folder.definition is None else set(named.values())
        functions = [each for each in observed_functions(stations, tasks) if each.name in known]
        stations = [_with_keep_alive(station, functions) for station in stations]
        arrivals = ArrivalProcess.of(np.array([each.started_at for each in executions]))
        return cls(
            executions, folder.definition, tasks, stations, functions, arrivals, _hops(executions, tasks)
        )

    @property
    def outcomes(self) -> Counter[str]:
        """Number of executions by status."""
        return Counter(each.status for each in self.executions)

    @property
    def durations(self) -> Floats:
        """How long each execution that ended took."""
        ended = [each.seen_until - each.started_at for each in self.executions if each.status != "RUNNING"]
        return np.array(ended)

    @property
    def started_on(self) -> str:
        """The day of the first execution."""
        return f"{datetime.fromtimestamp(self.executions[0].started_at, UTC):%Y-%m-%d}"

    @property
    def remarks(self) -> Iterator[str]:
        """Sentences about what is missing, or is not played as it was."""
        running = [each for each in self.executions if each.status == "RUNNING"]
        if known := sum(each.fetched_at is not None for each in running):
            yield f"{known} executions had not ended: their last attempts are lower bounds"
        if unknown := len(running) - known:
            yield (
                f"{unknown} executions had not ended, and their files do not say when they were exported: "
                "the lower bounds of their last attempts end with the last event, and say little"
            )
        if redriven := sum(each.redrives > 0 for each in self.executions):
            yield f"{redriven} executions were redriven: a simulation does not redrive"
        if missing := sum(each.input is None for each in self.executions):
            yield _missing_inputs(missing, len(self.executions))
        done = self.tasks[self.tasks["outcome"] == "SUCCEEDED"]
        for state, rows in done.groupby("state", sort=False):
            if 0 < (missing := int(rows["output"].isna().sum())) < len(rows):
                yield f"{state}: {missing} results cannot be read; an empty object is played in their place"
        for station in self.stations:
            yield from _remarks_of(station)

    def to_frame(self) -> pd.DataFrame:
        """
        Return the stations as a table.

        Returns:
            ``state``, ``attempts``, ``retries``, ``failed`` (of them by errors of the work), ``wait_p95_s``,
            ``service_p50_s``, ``service_p95_s``, ``fit``, ``servers``, ``cold`` (share of cold starts).
        """
        return pd.DataFrame([_row(station) for station in self.stations])


def _name(rows: pd.DataFrame) -> str:
    shared = rows["state"].nunique() > 1
    return str(rows["resource"].iloc[0] if shared else rows["state"].iloc[0])


def _with_keep_alive(station: ObservedStation, functions: Sequence[ObservedFunction]) -> ObservedStation:
    """Return a station with the idle time of its function, which other states may use too."""
    if station.cold is None:
        return station
    found = (each.cold for each in functions if each.name == station.resource and each.cold is not None)
    keep_alive = next((cold.keep_alive for cold in found), None)
    return replace(station, cold=replace(station.cold, keep_alive=keep_alive))


def _missing_inputs(missing: int, executions: int) -> str:
    if missing == executions:
        return "the histories have no inputs: they were exported without data"
    return f"{missing} executions have no input that can be read; an empty object is played in its place"


def _hops(executions: Sequence[RecordedExecution], tasks: pd.DataFrame) -> dict[str, Distribution]:
    plain = plain_hops(executions)
    hops = tasks["hop_s"].dropna().to_numpy(float)
    return {
        "start_s": empirical(np.array(plain["start"])),
        "hop_s": empirical(hops),
        "plain_hop_s": empirical(np.array(plain["plain"])),
    }


def _row(station: ObservedStation) -> dict[str, Any]:
    service, waits = station.service, station.waits[np.isfinite(station.waits)]
    low, high = station.servers.interval
    return {
        "state": " + ".join(station.states),
        "attempts": station.attempts,
        "retries": station.retries,
        "failed": sum(each.failed for each in station.failures),
        "wait_p95_s": percentile(waits, 95) if waits.size else None,
        "service_p50_s": percentile(service, 50) if service.size else None,
        "service_p95_s": percentile(service, 95) if service.size else None,
        "fit": station.fit.family if station.fit else "",
        "servers": f"{low} or more" if high is None else str(station.servers.servers),
        "cold": station.cold.share if station.cold else None,
    }


def _remarks_of(station: ObservedStation) -> Iterator[str]:
    known = int(np.isfinite(station.service).sum())
    if station.fit is None:
        yield f"{station.name}: {known} successful attempts are too few for a fit; {AT_LEAST} are needed"
    elif station.fit.family == "empirical":
        yield f"{station.name}: no family fits, so its service time has the observed quantiles"
    if station.cold is not None and station.cold.keep_alive is None:
        yield (
            f"{station.name}: its slow invocations are part of its service time: they do not follow idle "
            "times, as cold starts would if only this state machine used the function, or the definition "
            "does not name the function"
        )
