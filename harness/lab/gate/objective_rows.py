"""
The rows of a run that an objective measures.

Times are model seconds, except the times of single HTTP requests: they are clock seconds, because compressed
time does not shorten them. Requests count from the end of the warm-up, by their intended start. Metrics
count from the beginning of the run, because a datum does not name its arrival.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.lab.alarms.recorded_metrics import is_zero_without_data
from harness.lab.gate.objective import Objective, is_metric
from harness.lab.gate.request_names import FORBIDDEN, SUFFIXES
from harness.lab.gate.run_findings import unfinished_waits
from harness.lab.results.metric_names import PROCESSING_DURATION, is_counter, is_duration

if TYPE_CHECKING:
    from harness.lab.results.run import Run

NOT_OK = ("failed", "censored", "breached")


@dataclass(frozen=True, slots=True)
class ObjectiveRows:
    """
    The start times and values of the rows that an objective measures.

    Attributes:
        open: Whether each value is a lower bound: the row was unfinished at the end of the run. For a
            percentile of the time to READY, also whether the batch failed.
        known: Whether the run has such rows at all, or need not have them: a run without forbidden attempts
            has 0 that succeeded.
        candidates: Of how many rows these were selected by outcome; None if it does not matter.
        is_counter: Whether each value is an increment of a counter.
    """

    at: np.ndarray
    values: np.ndarray
    failed: np.ndarray
    open: np.ndarray
    known: bool
    candidates: int | None = None
    is_counter: bool = False

    def between(self, start: float, end: float) -> "ObjectiveRows":
        inside = (self.at >= start) & (self.at < end)
        return replace(
            self,
            at=self.at[inside],
            values=self.values[inside],
            failed=self.failed[inside],
            open=self.open[inside],
            candidates=None,
        )

    @property
    def completed(self) -> float:
        """What a rate counts: the rows that did not fail, or how much a counter rose."""
        return float(self.values.sum() if self.is_counter else (~self.failed).sum())

    @property
    def at_most(self) -> "ObjectiveRows":
        """The rows with the upper bounds of their values."""
        return replace(self, values=np.where(self.open, math.inf, self.values))


def rows_of(objective: Objective, run: "Run") -> ObjectiveRows:
    """Return the rows of the ``requests`` or ``metrics`` table that an objective measures."""
    if is_metric(objective.selector):
        return _metric_rows(objective.selector, run)
    return _request_rows(objective, run)


def metric_of(selector: str) -> str:
    """Return the metric of a selector without its labels."""
    return selector.partition("{")[0].strip()


def _request_rows(objective: Objective, run: "Run") -> ObjectiveRows:
    rows, candidates, known = _select(objective.selector, run)
    known |= objective.function == "count" and _is_breaches_without_attempts(objective.selector, run)
    intended = rows["intended_at"].to_numpy(dtype=float)
    times = rows["finished_at"].to_numpy(dtype=float) - intended
    scales = np.where(rows["type"] == "E2E", run.time_scale, 1.0)
    failed, is_open = rows["outcome"].isin(NOT_OK), rows["outcome"] == "censored"
    if objective.percent is not None and candidates is None:
        is_open |= (rows["type"] == "E2E") & (rows["name"] == "ready") & (rows["outcome"] == "failed")
    return ObjectiveRows(
        intended * run.time_scale,
        times * scales,
        failed.to_numpy(),
        is_open.to_numpy(dtype=bool),
        known,
        candidates,
    )


def _select(selector: str, run: "Run") -> tuple[pd.DataFrame, int | None, bool]:
    """Return the selected requests, of how many a suffix selects them by outcome, and whether any exist."""
    frame = run.timings
    measured = frame["intended_at"] >= run.warm_up
    wanted = selector.replace(":", " ", 1)
    named = measured & _matching(frame, wanted)
    words, _, suffix = wanted.rpartition(" ")
    if named.any() or suffix not in SUFFIXES:
        return frame[named], None, bool(named.any())
    if words == FORBIDDEN:
        named, outcomes = measured & frame["outcome"].isin(("refused", "breached")), SUFFIXES[suffix]
    else:
        named = measured & _matching(frame, words)
        outcomes = ("ok",) if suffix == "succeeded" else SUFFIXES[suffix]
    return frame[named & frame["outcome"].isin(outcomes)], int(named.sum()), bool(named.any())


def _is_breaches_without_attempts(selector: str, run: "Run") -> bool:
    """Return whether a selector names breaches and the measured part of the run has no forbidden attempt."""
    frame = run.timings
    # An attempt that failed proves nothing: the service neither refused nor accepted it.
    attempted = frame["name"].str.startswith(FORBIDDEN) | frame["outcome"].isin(("refused", "breached"))
    is_of_breaches = selector.replace(":", " ", 1) == f"{FORBIDDEN} succeeded"
    return is_of_breaches and not (attempted & (frame["intended_at"] >= run.warm_up)).any()


def _matching(frame: pd.DataFrame, wanted: str) -> "pd.Series[bool]":
    kind, _, name = wanted.partition(" ")
    both = (frame["type"] == kind) & (frame["name"] == name)
    return both | (frame["name"] == wanted) | (frame["type"] == wanted)


def _metric_rows(selector: str, run: "Run") -> ObjectiveRows:
    name, frame = metric_of(selector), run.metrics
    rows = frame[frame["metric"] == name]
    for pair in filter(None, selector.partition("{")[2].rstrip("}").split(",")):
        key, _, value = pair.partition("=")
        label = f'"{key.strip()}":"{value.strip().strip(chr(34))}"'
        rows = rows[rows["labels"].str.contains(label, regex=False)]
    is_zero = is_zero_without_data(name, frame["metric"].unique())
    at = rows["at"].to_numpy(dtype=float) * run.time_scale
    values = rows["value"].to_numpy(dtype=float) * (run.time_scale if is_duration(name) else 1.0)
    none = np.zeros(len(rows), dtype=bool)
    known = bool(len(rows)) or is_zero
    measured = ObjectiveRows(at, values, none, none, known, is_counter=is_counter(name))
    return _with_unfinished(measured, run) if selector.strip() == PROCESSING_DURATION else measured


def _with_unfinished(rows: ObjectiveRows, run: "Run") -> ObjectiveRows:
    """Return processing times together with the waits of unfinished batches, which have no datum."""
    if run.header.duration_s is None:
        # The run did not end properly: the length of the waits is unknown.
        return rows
    waits = unfinished_waits(run.batches, run.header.duration_s) * run.time_scale
    since = waits["received_at"].to_numpy(dtype=float)
    return ObjectiveRows(
        np.concatenate([rows.at, since]),
        np.concatenate([rows.values, waits["waited_s"].to_numpy(dtype=float)]),
        np.concatenate([rows.failed, np.zeros(since.size, dtype=bool)]),
        np.repeat([False, True], [rows.at.size, since.size]),
        rows.known,
    )
