"""
Measuring what an objective asks of a run.

Everything is in model seconds, from arrivals after the warm-up only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from harness.lab.alarms.objective import Objective, is_metric
from harness.lab.alarms.verdict import ObjectiveVerdict, Outcome
from harness.lab.results.percentile import interval as percentile_interval
from harness.lab.results.percentile import least_samples, percentile

if TYPE_CHECKING:
    from harness.lab.results.run import Run

CONFIDENCE = 0.95
SUFFIXES = {"succeeded": ("breached",), "failed": ("failed", "censored"), "refused": ("refused",)}
NOT_OK = ("failed", "censored", "breached")


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows an objective speaks of: when each began, its value, and its outcome."""

    at: np.ndarray
    values: np.ndarray
    outcomes: np.ndarray
    known: bool

    def between(self, start: float, end: float) -> "Rows":
        inside = (self.at >= start) & (self.at < end)
        return Rows(self.at[inside], self.values[inside], self.outcomes[inside], self.known)


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
    rows = rows_of(objective, run)
    if not rows.known:
        return _verdict(
            objective, Outcome.BREACH, None, 0, f"the run has no {objective.selector!r} to measure"
        )
    if objective.window is not None:
        return _windowed(objective, rows)
    value = _value(objective, rows, run)
    if value is None:
        return _verdict(
            objective, Outcome.BREACH, None, 0, f"nothing was measured for {objective.selector!r}"
        )
    return _judged(objective, rows, value)


def rows_of(objective: Objective, run: "Run") -> Rows:
    """Return the rows of the ``requests`` or ``metrics`` table an objective speaks of."""
    if is_metric(objective.selector):
        return _metric_rows(objective.selector, run)
    return _request_rows(objective.selector, run)


def _request_rows(selector: str, run: "Run") -> Rows:
    frame = run.requests
    frame = frame[frame["intended_at"] >= run.warm_up]
    wanted = selector.replace(":", " ", 1)
    chosen = _matching(frame, wanted)
    known = bool(chosen.any())
    words, _, suffix = wanted.rpartition(" ")
    if not known and suffix in SUFFIXES:
        if words == "forbidden":
            chosen = frame["outcome"].isin(("refused", "breached"))
        else:
            chosen = _matching(frame, words)
        known = bool(chosen.any())
        chosen &= frame["outcome"].isin(SUFFIXES[suffix])
    rows = frame[chosen]
    intended = rows["intended_at"].to_numpy(dtype=float) * run.time_scale
    finished = rows["finished_at"].to_numpy(dtype=float) * run.time_scale
    return Rows(intended, finished - intended, rows["outcome"].to_numpy(), known)


def _matching(frame: pd.DataFrame, wanted: str) -> "pd.Series[bool]":
    label = frame["type"].str.cat(frame["name"], sep=" ")
    return (label == wanted) | (frame["name"] == wanted) | (frame["type"] == wanted)


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
    counter = name.strip().endswith("_total") and bool(frame["metric"].str.startswith("media_").any())
    at = rows["at"].to_numpy(dtype=float) * run.time_scale
    return Rows(at, rows["value"].to_numpy(dtype=float), np.full(len(rows), "ok"), bool(len(rows)) or counter)


def _value(objective: Objective, rows: Rows, run: "Run") -> float | None:
    if objective.function == "rate":
        completed = int(np.isin(rows.outcomes, ("ok", "refused")).sum())
        window = float(run.scenario["duration_s"]) - float(run.scenario.get("warm_up_s", 0.0))
        return completed / window
    return _of(objective, rows)


def _of(objective: Objective, rows: Rows) -> float | None:
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
        "fail_ratio": lambda some: float(np.isin(some.outcomes, NOT_OK).mean()),
    }
    return functions[objective.function](rows)


def _judged(objective: Objective, rows: Rows, value: float) -> ObjectiveVerdict:
    samples = int(rows.values.size)
    bounds = None
    if objective.percent is not None:
        bounds = percentile_interval(rows.values, objective.percent, CONFIDENCE)
        wanted = least_samples(objective.percent)
        if samples < wanted:
            why = f"{objective.text}: {samples} samples are too few to tell; {wanted} are needed"
            return _verdict(objective, Outcome.INCONCLUSIVE, value, samples, why, bounds)
    return _compared(objective, value, samples, bounds)


def _windowed(objective: Objective, rows: Rows) -> ObjectiveVerdict:
    window = objective.window
    if window is None or not rows.values.size:
        return _verdict(
            objective, Outcome.BREACH, None, 0, f"nothing was measured for {objective.selector!r}"
        )
    first, last = math.floor(rows.at.min() / window.period), math.floor(rows.at.max() / window.period)
    values = [
        _of(objective, rows.between(number * window.period, (number + 1) * window.period))
        for number in range(first, last + 1)
    ]
    broken = [value is not None and not objective.holds(value) for value in values]
    worst = max(sum(broken[index : index + window.periods]) for index in range(len(broken)))
    samples = int(rows.values.size)
    value = _of(objective, rows)
    why = f"{objective.text}: {worst} of {window.periods} periods broke it"
    outcome = Outcome.BREACH if worst >= window.points else Outcome.PASS
    return _verdict(objective, outcome, value, samples, why)


def _alarm(objective: Objective, states: dict[str, str]) -> ObjectiveVerdict:
    state = states.get(objective.selector)
    if state is None:
        known = ", ".join(sorted(states)) or "none"
        why = f"there is no alarm {objective.selector!r}; there are {known}"
        return _verdict(objective, Outcome.BREACH, None, 0, why)
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
    return _verdict(
        objective, Outcome.BREACH, value, samples, f"{objective.text}: it is {objective.show(value)}.", bounds
    )


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
        why=why if why.endswith(".") or not why else f"{why}.",
        value=value,
        shown=objective.show(value),
        limit=objective.limit,
        samples=samples,
        interval=bounds,
        place=objective.place,
    )
