"""
Measuring what an objective asks of a run.

Everything is in model seconds, but for single HTTP requests, which compressed time does not shorten.
Requests count from the end of the warm-up on, by their intended start; metrics count from the start,
because a datum does not say which arrival it belongs to.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.lab.alarms.recorded_metrics import unobserved_namespaces
from harness.lab.gate.objective import Objective, Window, is_metric
from harness.lab.gate.run_findings import waits
from harness.lab.gate.verdict import NOT_JUDGED, NOT_OBSERVED, ObjectiveVerdict, Outcome
from harness.lab.results.metric_names import is_counter, is_duration, namespace_of
from harness.lab.results.percentile import interval as percentile_interval
from harness.lab.results.percentile import least_samples, percentile

if TYPE_CHECKING:
    from harness.lab.results.run import Run

CONFIDENCE = 0.95
SUFFIXES = {"succeeded": ("breached",), "failed": ("failed", "censored"), "refused": ("refused",)}
NOT_OK = ("failed", "censored", "breached")
PER_PERIOD = ("rate", "count", "total")
"""Functions of a period's length."""

PROCESSING = "media_processing_duration_seconds"


@dataclass(frozen=True, slots=True)
class Rows:
    """
    The rows an objective speaks of: when each began, its value, and whether it went wrong.

    Attributes:
        open: Those whose values are the least they can be: what had not ended when the run did; and where a
            percentile of batches is to be READY in time, those that failed.
    """

    at: np.ndarray
    values: np.ndarray
    failed: np.ndarray
    open: np.ndarray
    known: bool

    def between(self, start: float, end: float) -> "Rows":
        inside = (self.at >= start) & (self.at < end)
        return Rows(self.at[inside], self.values[inside], self.failed[inside], self.open[inside], self.known)

    @property
    def at_most(self) -> "Rows":
        """The rows with the most their values can be."""
        return replace(self, values=np.where(self.open, math.inf, self.values))


def measure(objective: Objective, run: "Run", states: dict[str, str]) -> ObjectiveVerdict:
    """
    Judge one objective.

    Args:
        states: State of every alarm by name: ALARM if it ever fired, else its state at the end.
    """
    if objective.function == "alarm":
        return _alarm(objective, states)
    if objective.function == "achieved":
        return _achieved(objective, run)
    return _measured(objective, run)


def _measured(objective: Objective, run: "Run") -> ObjectiveVerdict:
    if is_metric(objective.selector):
        metric = _metric_of(objective.selector)
        if not unobserved_namespaces(run).isdisjoint((metric, namespace_of(metric))):
            why = f"{objective.text}: nobody could observe {metric} in this run"
            return _verdict(objective, Outcome.INCONCLUSIVE, None, 0, why)
    rows = rows_of(objective, run)
    if not rows.known:
        return _verdict(
            objective, Outcome.BREACH, None, 0, f"the run has no {objective.selector!r} to measure"
        )
    if objective.window is not None:
        return _windowed(objective, objective.window, rows, _stretch(objective, run))
    value = _of(objective, rows, _measured_s(run) if objective.function == "rate" else math.inf)
    if value is None:
        return _verdict(
            objective, Outcome.BREACH, None, 0, f"nothing was measured for {objective.selector!r}"
        )
    return _judged(objective, rows, value)


def rows_of(objective: Objective, run: "Run") -> Rows:
    """Return the rows of the ``requests`` or ``metrics`` table an objective speaks of."""
    if is_metric(objective.selector):
        return _metric_rows(objective.selector, run)
    return _request_rows(objective, run)


def _request_rows(objective: Objective, run: "Run") -> Rows:
    rows, outcomes, known = _chosen(objective.selector, run)
    intended = rows["intended_at"].to_numpy(dtype=float)
    times = rows["finished_at"].to_numpy(dtype=float) - intended
    # Only what the scenario models runs faster in compressed time; an HTTP request takes what it takes.
    scales = np.where(rows["type"] == "E2E", run.time_scale, 1.0)
    failed, still_open = rows["outcome"].isin(NOT_OK), rows["outcome"] == "censored"
    if objective.percent is not None and outcomes is None:
        still_open |= (rows["type"] == "E2E") & (rows["name"] == "ready") & (rows["outcome"] == "failed")
    return Rows(
        intended * run.time_scale, times * scales, failed.to_numpy(), still_open.to_numpy(dtype=bool), known
    )


def _chosen(selector: str, run: "Run") -> tuple[pd.DataFrame, tuple[str, ...] | None, bool]:
    """Return the requests a selector names, the outcomes it asks for (None: any), and if there are such."""
    frame = run.timings
    measured = frame["intended_at"] >= run.warm_up
    wanted = selector.replace(":", " ", 1)
    named = measured & _matching(frame, wanted)
    words, _, suffix = wanted.rpartition(" ")
    if named.any() or suffix not in SUFFIXES:
        return frame[named], None, bool(named.any())
    if words == "forbidden":
        named, outcomes = measured & frame["outcome"].isin(("refused", "breached")), SUFFIXES[suffix]
    else:
        named = measured & _matching(frame, words)
        outcomes = ("ok",) if suffix == "succeeded" else SUFFIXES[suffix]
    return frame[named & frame["outcome"].isin(outcomes)], outcomes, bool(named.any())


def _matching(frame: pd.DataFrame, wanted: str) -> "pd.Series[bool]":
    kind, _, name = wanted.partition(" ")
    both = (frame["type"] == kind) & (frame["name"] == name)
    return both | (frame["name"] == wanted) | (frame["type"] == wanted)


def _metric_of(selector: str) -> str:
    return selector.partition("{")[0].strip()


def _metric_rows(selector: str, run: "Run") -> Rows:
    name, _, wanted = selector.partition("{")
    frame = run.metrics
    rows = frame[frame["metric"] == name.strip()]
    for pair in filter(None, wanted.rstrip("}").split(",")):
        key, _, value = pair.partition("=")
        rows = rows[
            rows["labels"].str.contains(f'"{key.strip()}":"{value.strip().strip(chr(34))}"', regex=False)
        ]
    # A counter that never moved has no datum, which is a zero as long as the service was measured at all.
    counter = is_counter(name.strip()) and any("/" not in one for one in frame["metric"].unique())
    at = rows["at"].to_numpy(dtype=float) * run.time_scale
    values = rows["value"].to_numpy(dtype=float) * (run.time_scale if is_duration(name.strip()) else 1.0)
    none = np.zeros(len(rows), dtype=bool)
    measured = Rows(at, values, none, none, bool(len(rows)) or counter)
    return _with_unfinished(measured, run) if selector.strip() == PROCESSING else measured


def _with_unfinished(rows: Rows, run: "Run") -> Rows:
    """Return processing times with those of the batches that have no datum: they had not ended."""
    if run.header.duration_s is None:
        # It did not end properly: nobody knows when they were last waited for.
        return rows
    waiting = waits(run.batches, run.header.duration_s)
    since = waiting["received_at"].to_numpy(dtype=float) * run.time_scale
    still_open = np.repeat([False, True], [rows.at.size, since.size])
    return Rows(
        np.concatenate([rows.at, since]),
        np.concatenate([rows.values, waiting["waited_s"].to_numpy(dtype=float) * run.time_scale]),
        np.concatenate([rows.failed, np.zeros(since.size, dtype=bool)]),
        still_open,
        rows.known,
    )


def _measured_s(run: "Run") -> float:
    planned = run.scenario.get("duration_s")
    if planned is None:
        raise ValueError(f"{run.folder}: the scenario of the run has no duration_s, so there is no rate")
    return float(planned) - float(run.scenario.get("warm_up_s", 0.0))


def _stretch(objective: Objective, run: "Run") -> tuple[float, float]:
    """Return from when to when arrivals are measured [s]; metrics from the run's beginning to its end."""
    planned = run.scenario.get("duration_s")
    if is_metric(objective.selector) or planned is None:
        ended_at = run.header.duration_s
        return 0.0, math.inf if ended_at is None else ended_at * run.time_scale
    return float(run.scenario.get("warm_up_s", 0.0)), float(planned)


def _of(objective: Objective, rows: Rows, length: float) -> float | None:
    """Return what is asked of rows that began within *length* [s]."""
    if objective.function == "rate":
        return int((~rows.failed).sum()) / length
    if objective.function == "count":
        return float(rows.values.size)
    if objective.function == "total":
        return float(rows.values.sum())
    if not rows.values.size:
        return None
    if objective.percent is not None:
        return float(percentile(rows.values, objective.percent))
    functions: dict[str, Callable[[Rows], float]] = {
        "mean": lambda some: float(some.values.mean()),
        "min": lambda some: float(some.values.min()),
        "max": lambda some: float(some.values.max()),
        "fail_ratio": lambda some: float(some.failed.mean()),
    }
    return functions[objective.function](rows)


def _judged(objective: Objective, rows: Rows, value: float) -> ObjectiveVerdict:
    samples = int(rows.values.size)
    bounds = None
    if objective.percent is not None:
        bounds = _interval(rows, objective.percent)
        wanted = least_samples(objective.percent)
        if samples < wanted:
            why = f"{objective.text}: {samples} samples are too few to tell; {wanted} are needed"
            return _verdict(objective, Outcome.INCONCLUSIVE, value, samples, why, bounds)
    most = _of(objective, rows.at_most, math.inf) if objective.function != "rate" else value
    if most is not None and objective.holds(value) != objective.holds(most):
        why = (
            f"{objective.text}: it is at least {objective.show(value)}; "
            f"{int(rows.open.sum())} of {samples} failed or had not ended when the run did"
        )
        return _verdict(objective, Outcome.INCONCLUSIVE, value, samples, why, bounds)
    return _compared(objective, value, samples, bounds)


def _interval(rows: Rows, percent: float) -> tuple[float | None, float | None]:
    low, _ = percentile_interval(rows.values, percent, CONFIDENCE)
    _, high = percentile_interval(rows.at_most.values, percent, CONFIDENCE)
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def _windowed(
    objective: Objective, window: Window, rows: Rows, stretch: tuple[float, float]
) -> ObjectiveVerdict:
    """
    Judge period by period; those with too few samples for their percentile may have broken it or not.

    Args:
        stretch: What is measured [s]: how much there is of something is a matter of whole periods.
    """
    if not rows.values.size:
        why = f"nothing was measured for {objective.selector!r}"
        return _verdict(objective, Outcome.BREACH, None, 0, why)
    first, last = math.floor(rows.at.min() / window.period), math.floor(rows.at.max() / window.period)
    starts = [at * window.period for at in range(first, last + 1)]
    if objective.function in PER_PERIOD:
        begins, ends = stretch
        starts = [start for start in starts if start >= begins and start + window.period <= ends]
    periods = [rows.between(start, start + window.period) for start in starts]
    if len(periods) < window.points:
        why = f"{objective.text}: the run has {len(periods)} whole periods, {window.points} could break it"
        return _verdict(objective, Outcome.INCONCLUSIVE, None, int(rows.values.size), why)
    broken = [_broken(objective, window, period) for period in periods]
    certain = _most([one is True for one in broken], window.periods)
    possible = _most([one is not False for one in broken], window.periods)
    value, samples = _of(objective, rows, len(periods) * window.period), int(rows.values.size)
    if certain >= window.points:
        why = f"{objective.text}: {certain} of {window.periods} periods broke it"
        return _verdict(objective, Outcome.BREACH, value, samples, why)
    if possible >= window.points:
        lacking = "too few samples" if not rows.open.any() else "too many unfinished or too few samples"
        why = f"{objective.text}: too many periods have {lacking} to tell"
        return _verdict(objective, Outcome.INCONCLUSIVE, value, samples, why)
    return _verdict(objective, Outcome.PASS, value, samples, "")


def _broken(objective: Objective, window: Window, rows: Rows) -> bool | None:
    """Return whether a period broke the promise, None where its samples do not tell."""
    value = _of(objective, rows, window.period)
    if value is None:
        return False
    if objective.percent is not None and rows.values.size < least_samples(objective.percent):
        return None
    most = _of(objective, rows.at_most, window.period)
    assert most is not None  # noqa: S101 - there are as many values
    return not objective.holds(value) if objective.holds(value) == objective.holds(most) else None


def _most(flags: list[bool], length: int) -> int:
    return max(sum(flags[index : index + length]) for index in range(len(flags)))


def _alarm(objective: Objective, states: dict[str, str]) -> ObjectiveVerdict:
    state = states.get(objective.selector)
    if state is None:
        known = ", ".join(sorted(states)) or "none"
        why = f"there is no alarm {objective.selector!r}; there are {known}"
        return _verdict(objective, Outcome.BREACH, None, 0, why)
    if state in (NOT_JUDGED, NOT_OBSERVED):
        why = f"{objective.text}: the alarm was {state}"
        return _verdict(objective, Outcome.INCONCLUSIVE, state, 0, why)
    return _compared(objective, state, 1, None)


def _achieved(objective: Objective, run: "Run") -> ObjectiveVerdict:
    generator = run.header.notes.get("generator")
    if not isinstance(generator, dict) or "achieved" not in generator:
        return _verdict(
            objective, Outcome.BREACH, None, 0, "the run does not say what was offered and achieved"
        )
    return _compared(objective, float(generator["achieved"]), int(generator.get("offered", 0)), None)


def _compared(
    objective: Objective, value: float | str, samples: int, bounds: tuple[float | None, float | None] | None
) -> ObjectiveVerdict:
    if objective.holds(value):
        return _verdict(objective, Outcome.PASS, value, samples, "", bounds)
    why = f"{objective.text}: it is {objective.show(value)}"
    return _verdict(objective, Outcome.BREACH, value, samples, why, bounds)


def _verdict(
    objective: Objective,
    outcome: Outcome,
    value: float | str | None,
    samples: int,
    why: str,
    bounds: tuple[float | None, float | None] | None = None,
) -> ObjectiveVerdict:
    return ObjectiveVerdict(
        text=objective.text,
        outcome=outcome,
        why=f"{why}." if why else "",
        value=value,
        shown=objective.show(value),
        limit=objective.limit,
        samples=samples,
        interval=bounds,
        place=objective.place,
    )
