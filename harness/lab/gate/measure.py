"""
The measurement of an objective on a run, and its comparison with the limit.

Units are those of `objective_rows`.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from harness.lab.alarms.recorded_metrics import unobserved_namespaces
from harness.lab.gate.objective import Objective, Window, is_metric
from harness.lab.gate.objective_rows import ObjectiveRows, metric_of, rows_of
from harness.lab.gate.verdict import NOT_EVALUATED, NOT_OBSERVED, ObjectiveVerdict, Outcome
from harness.lab.results.metric_names import namespace_of
from harness.lab.results.percentile import interval as percentile_interval
from harness.lab.results.percentile import least_samples, percentile

if TYPE_CHECKING:
    from harness.lab.results.run import Run

CONFIDENCE = 0.95
PER_PERIOD = ("rate", "count", "total")
"""Functions whose value depends on the length of the period."""

FUNCTIONS: dict[str, Callable[[ObjectiveRows, float], float]] = {
    "rate": lambda rows, length: rows.completed / length,
    "count": lambda rows, _: float(rows.values.size),
    "total": lambda rows, _: float(rows.values.sum()),
    "mean": lambda rows, _: float(rows.values.mean()),
    "min": lambda rows, _: float(rows.values.min()),
    "max": lambda rows, _: float(rows.values.max()),
    "fail_ratio": lambda rows, _: float(rows.failed.mean()),
}
"""Functions of the rows that began within a length [s]."""

Interval = tuple[float | None, float | None]


def measure(
    objective: Objective, run: "Run", states: Mapping[str, str], undecided: Mapping[str, str] | None = None
) -> ObjectiveVerdict:
    """
    Measure one objective on a run.

    Args:
        states: State of every alarm by name: ALARM if it ever fired, else its state at the end.
        undecided: Why an alarm is inconclusive, as a sentence by name.
    """
    if objective.function == "alarm":
        return _alarm(objective, states, undecided or {})
    if objective.function == "achieved":
        return _achieved(objective, run)
    if is_metric(objective.selector):
        metric = metric_of(objective.selector)
        if not unobserved_namespaces(run).isdisjoint((metric, namespace_of(metric))):
            why = f"{objective.text}: {metric} was not observed in this run"
            return _verdict(objective, Outcome.INCONCLUSIVE, why)
    return _measure_rows(objective, run)


def _measure_rows(objective: Objective, run: "Run") -> ObjectiveVerdict:
    rows = rows_of(objective, run)
    if not rows.known:
        return _verdict(objective, Outcome.BREACH, f"the run has no {objective.selector!r} to measure")
    if not rows.values.size and objective.function not in PER_PERIOD:
        return _verdict(objective, Outcome.BREACH, f"nothing was measured for {objective.selector!r}")
    if objective.window is not None:
        return _windowed(objective, objective.window, rows, _measured_interval(objective, run))
    if objective.function != "rate":
        return _whole(objective, rows, math.inf)
    begin, end = _rated_interval(objective, run)
    if is_metric(objective.selector):
        # The last row of a run lies at its end.
        rows = rows.between(begin, math.nextafter(end, math.inf))
    return _whole(objective, rows, end - begin)


def _alarm(objective: Objective, states: Mapping[str, str], undecided: Mapping[str, str]) -> ObjectiveVerdict:
    state = states.get(objective.selector)
    if state is None:
        known = ", ".join(sorted(states)) or "none"
        why = f"there is no alarm {objective.selector!r}; there are {known}"
        return _verdict(objective, Outcome.BREACH, why)
    if state in (NOT_EVALUATED, NOT_OBSERVED):
        return _verdict(objective, Outcome.INCONCLUSIVE, f"{objective.text}: the alarm was {state}", state)
    if objective.selector in undecided:
        why = undecided[objective.selector].rstrip(".")
        return _verdict(objective, Outcome.INCONCLUSIVE, why, state)
    return _compared(objective, state, 1)


def _achieved(objective: Objective, run: "Run") -> ObjectiveVerdict:
    generator = run.header.notes.get("generator")
    if not isinstance(generator, dict) or "achieved" not in generator:
        return _verdict(objective, Outcome.BREACH, "the run does not say what was offered and achieved")
    return _compared(objective, float(generator["achieved"]), int(generator.get("offered", 0)))


def _whole(objective: Objective, rows: ObjectiveRows, length: float) -> ObjectiveVerdict:
    """Measure the whole run, whose *length* [s] only a rate needs."""
    value, samples, bounds = _value(objective, rows, length), int(rows.values.size), None
    if objective.function == "count" and rows.candidates is not None:
        samples = rows.candidates
    if objective.percent is not None:
        bounds = _interval(rows, objective.percent)
        needed = least_samples(objective.percent)
        if samples < needed:
            why = f"{objective.text}: {samples} samples are too few to tell; {needed} are needed"
            return _verdict(objective, Outcome.INCONCLUSIVE, why, value, samples, bounds)
    if objective.holds(value) != objective.holds(_value(objective, rows.at_most, length)):
        why = (
            f"{objective.text}: it is at least {objective.show(value)}; "
            f"{int(rows.open.sum())} of {samples} failed or had not ended when the run did"
        )
        return _verdict(objective, Outcome.INCONCLUSIVE, why, value, samples, bounds)
    return _compared(objective, value, samples, bounds)


def _windowed(
    objective: Objective, window: Window, rows: ObjectiveRows, measured: tuple[float, float]
) -> ObjectiveVerdict:
    """
    Measure period by period; a period with too few samples for its percentile is undecided.

    Args:
        measured: The measured interval [s]; functions in `PER_PERIOD` count every whole period of it, because
            a period without rows has a value, too.
    """
    samples = int(rows.values.size)
    starts = _starts(objective, window, rows, measured)
    if len(starts) < window.points:
        why = f"{objective.text}: the run has {len(starts)} whole periods, {window.points} could break it"
        return _verdict(objective, Outcome.INCONCLUSIVE, why, samples=samples)
    broken = [_is_broken(objective, window, rows.between(at, at + window.period)) for at in starts]
    certain = _most([one is True for one in broken], window.periods)
    possible = _most([one is not False for one in broken], window.periods)
    end = starts[-1] + window.period
    value = _value(objective, rows.between(starts[0], end), end - starts[0])
    if certain >= window.points:
        why = f"{objective.text}: {certain} of {window.periods} periods broke it"
        return _verdict(objective, Outcome.BREACH, why, value, samples)
    if possible >= window.points:
        lacking = "too few samples" if not rows.open.any() else "too many unfinished or too few samples"
        why = f"{objective.text}: too many periods have {lacking} to tell"
        return _verdict(objective, Outcome.INCONCLUSIVE, why, value, samples)
    return _verdict(objective, Outcome.PASS, "", value, samples)


def _starts(
    objective: Objective, window: Window, rows: ObjectiveRows, measured: tuple[float, float]
) -> range:
    """Return the starts of the periods to judge [s]; without an end, up to the last row."""
    begin, end = measured
    first, last = 0, 0
    if rows.at.size:
        first, last = math.floor(rows.at.min() / window.period), math.floor(rows.at.max() / window.period) + 1
    if objective.function in PER_PERIOD:
        first = math.ceil(begin / window.period)
        last = last if math.isinf(end) else math.floor(end / window.period)
    return range(first * window.period, last * window.period, window.period)


def _is_broken(objective: Objective, window: Window, rows: ObjectiveRows) -> bool | None:
    """Return whether a period breaks the objective, or None if its samples do not decide."""
    if not rows.values.size and objective.function not in PER_PERIOD:
        return False
    if objective.percent is not None and rows.values.size < least_samples(objective.percent):
        return None
    least, most = (objective.holds(_value(objective, one, window.period)) for one in (rows, rows.at_most))
    return not least if least == most else None


def _most(flags: list[bool], length: int) -> int:
    """Return the largest number of true flags among *length* consecutive ones."""
    return max(sum(flags[index : index + length]) for index in range(len(flags)))


def _value(objective: Objective, rows: ObjectiveRows, length: float) -> float:
    """Return the value of an objective's function over rows that began within *length* [s]."""
    if objective.percent is not None:
        return percentile(rows.values, objective.percent)
    return FUNCTIONS[objective.function](rows, length)


def _interval(rows: ObjectiveRows, percent: float) -> Interval:
    low, _ = percentile_interval(rows.values, percent, CONFIDENCE)
    _, high = percentile_interval(rows.at_most.values, percent, CONFIDENCE)
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def _rated_interval(objective: Objective, run: "Run") -> tuple[float, float]:
    """Return the interval over which a rate is measured [s]; that of the plan, if the run has no length."""
    planned = run.scenario.get("duration_s")
    if planned is None:
        raise ValueError(f"{run.folder}: a rate needs duration_s, which the scenario of the run lacks")
    begin, end = _measured_interval(objective, run)
    return (begin, end) if begin < end < math.inf else (0.0, float(planned))


def _measured_interval(objective: Objective, run: "Run") -> tuple[float, float]:
    """
    Return begin and end of the measured arrivals [s]; for a metric, of the whole run.

    A limit that a metric breaks without data can be met only while arrivals come: not while the last ones are
    processed. For it the interval is that of the arrivals, too.
    """
    planned = run.scenario.get("duration_s")
    if planned is None or (is_metric(objective.selector) and objective.holds(0.0)):
        ended_at = run.header.duration_s
        return 0.0, math.inf if ended_at is None else ended_at * run.time_scale
    return float(run.scenario.get("warm_up_s", 0.0)), float(planned)


def _compared(
    objective: Objective, value: float | str, samples: int, bounds: Interval | None = None
) -> ObjectiveVerdict:
    if objective.holds(value):
        return _verdict(objective, Outcome.PASS, "", value, samples, bounds)
    why = f"{objective.text}: it is {objective.show(value)}"
    return _verdict(objective, Outcome.BREACH, why, value, samples, bounds)


def _verdict(
    objective: Objective,
    outcome: Outcome,
    why: str,
    value: float | str | None = None,
    samples: int = 0,
    bounds: Interval | None = None,
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
