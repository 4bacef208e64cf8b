"""
Measures of two runs in operation: concurrency, utilisation, retries, dead letters, and Little's law.

Both runs are measured by the same rules from the same tables. Rates are per second of model time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.lab.report.chart_data import extent
from harness.lab.results.host.host_metrics import BUSY, host_metric
from harness.lab.results.metric_names import DEAD_LETTERS
from harness.lab.results.run import Run
from harness.lab.results.stations.station_table import stations_of

SAMPLES = 1000
"""Instants at which batches in the system are counted [count]."""


@dataclass(frozen=True, slots=True)
class RunMeasure:
    """
    One measure of both runs; None where a run does not know it.

    Attributes:
        note: Its unit or an explanation.
    """

    what: str
    before: float | None
    now: float | None
    note: str = ""


def operation(before: Run, now: Run) -> Iterator[RunMeasure]:
    """Yield the measures that at least one of the runs knows."""
    sides = [dict(_measures(run)) for run in (before, now)]
    for what in dict.fromkeys([*sides[0], *sides[1]]):
        found = [side.get(what) for side in sides]
        if any(one is not None for one in found):
            yield RunMeasure(what, found[0], found[1], NOTES.get(what, ""))


NOTES = {
    "batches in the system, mean": "L, counted at a thousand instants",
    "arrival rate × mean time": "λW; equal to L if nothing is lost and nothing unfinished",
    "processors of the host, busy": "share; of live runs",
    "arrivals": "batches a second",
}


def _measures(run: Run) -> Iterator[tuple[str, float | None]]:
    yield from _littles_law(run)
    stations = stations_of(run)
    for row in stations[stations["kind"] == "state"].itertuples():
        yield f"{row.station}: in service, mean", float(str(row.busy_mean))
        yield f"{row.station}: in service, most", float(str(row.busy_max))
    steps = run.steps[run.steps["started_at"].notna()]
    for state, rows in steps.groupby("state", sort=False, observed=True):
        if rows["attempt"].max() > 1:
            yield f"{state}: attempts that repeat one", float((rows["attempt"] > 1).mean())
    yield "messages in the dead-letter queue", float(run.metric(DEAD_LETTERS)["value"].sum())
    yield "batches that failed", float((run.batches["outcome"] == "FAILED").sum())
    busy = host_metric(run, BUSY)
    yield "processors of the host, busy", float(busy.mean()) if len(busy) else None


def _littles_law(run: Run) -> Iterator[tuple[str, float | None]]:
    """Yield L, counted, and λW, from the times of the batches that ended."""
    batches = run.batches[run.batches["received_at"].notna()]
    if batches.empty:
        return
    length = extent(run)
    began = np.sort(_seconds(run, batches["received_at"]))
    ended = np.sort(_seconds(run, batches["finished_at"]))
    at = (np.arange(SAMPLES) + 0.5) * length / SAMPLES
    inside = np.searchsorted(began, at, side="right") - np.searchsorted(ended, at, side="right")
    spent = _seconds(run, batches["finished_at"] - batches["received_at"])
    rate = len(batches) / length
    yield "arrivals", rate
    yield "batches in the system, mean", float(inside.mean())
    yield "arrival rate × mean time", rate * float(spent.mean()) if spent.size else None


def _seconds(run: Run, column: "pd.Series[float]") -> np.ndarray:
    """Return the known times of a column in model seconds."""
    return np.asarray(run.model_seconds(column).dropna(), dtype=np.float64)
