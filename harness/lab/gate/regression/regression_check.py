"""
The comparison of a run with its baseline: each figure is worse than tolerated, not worse, or undecided.

The intervals hold together: for k figures each is one of 1 − 0.05/k (Bonferroni).
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.lab.gate.objective_rows import rows_of
from harness.lab.gate.regression.baseline_runs import Baseline
from harness.lab.gate.regression.block_bootstrap import Values, ratio_interval
from harness.lab.gate.regression.regression_limit import DEFAULT, RegressionLimit
from harness.lab.gate.verdict import Outcome, RegressionVerdict
from harness.lab.results.percentile import percentile_of_sorted

if TYPE_CHECKING:
    from harness.lab.results.run import Run

ERROR_RATE = 0.05


def regressions(
    run: "Run", baseline: Sequence[Path], limits: Sequence[RegressionLimit] = ()
) -> Iterator[RegressionVerdict]:
    """
    Yield the verdict on each limit; without limits on `DEFAULT`.

    Raises:
        ValueError: A baseline is neither a run folder nor a folder of runs, or is damaged.
    """
    found = Baseline.find(baseline, run)
    compared = limits or [RegressionLimit.parse(DEFAULT)]
    for limit in compared:
        if found.problem:
            yield _undecided(limit, found, found.problem)
        else:
            yield _compared(limit, run, found, 1 - ERROR_RATE / len(compared))


def _compared(limit: RegressionLimit, run: "Run", baseline: Baseline, confidence: float) -> RegressionVerdict:
    now, before = [_values(limit, run)], [_values(limit, one) for one in baseline.runs]
    before = [values for values in before if values.size]
    samples = now[0].size, sum(values.size for values in before)
    if min(samples) < limit.needed:
        why = (
            f"{limit.name} cannot be compared: it needs {limit.needed} samples, this run has {samples[0]}, "
            f"its baseline {samples[1]}."
        )
        return _undecided(limit, baseline, why, samples)
    current, earlier = (_figure(limit, values) for values in (now, before))
    if not (math.isfinite(current) and math.isfinite(earlier) and earlier > 0):
        return _undecided(limit, baseline, _without_figure(limit, now, before), samples)
    low, high = ratio_interval(now, before, limit.figure.percent, confidence)
    outcome = Outcome.BREACH if low > limit.ratio else Outcome.PASS
    if low <= limit.ratio < high:
        outcome = Outcome.INCONCLUSIVE
    return RegressionVerdict(
        text=limit.text,
        outcome=outcome,
        why=_sentence(limit, current / earlier, low, high, outcome),
        ratio=current / earlier,
        interval=(low, high if math.isfinite(high) else None),
        tolerated=limit.ratio,
        now_s=current,
        before_s=earlier,
        samples=samples,
        baseline=tuple(one.id for one in baseline.runs),
    )


def _undecided(
    limit: RegressionLimit, baseline: Baseline, why: str, samples: tuple[int, int] = (0, 0)
) -> RegressionVerdict:
    ids = tuple(one.id for one in baseline.runs)
    return RegressionVerdict(
        limit.text, Outcome.INCONCLUSIVE, why, tolerated=limit.ratio, samples=samples, baseline=ids
    )


def _values(limit: RegressionLimit, run: "Run") -> Values:
    """
    Return the measured times in the order of their arrivals; infinite for what failed or had not ended.

    A failure that comes early must not make the run look faster. Only if the limit is about failures or
    successes alone, their times are compared as they are.
    """
    rows = rows_of(limit.figure, run)
    endless = rows.open if rows.candidates is not None else rows.open | rows.failed
    values = np.where(endless, math.inf, rows.values)
    return values[np.argsort(rows.at, kind="stable")].astype(np.float64)


def _figure(limit: RegressionLimit, runs: Sequence[Values]) -> float:
    values = np.concatenate(runs)
    percent = limit.figure.percent
    # Not `percentile`: its histogram of very many values has no place for infinite ones.
    return float(values.mean()) if percent is None else percentile_of_sorted(np.sort(values), percent)


def _without_figure(limit: RegressionLimit, now: Sequence[Values], before: Sequence[Values]) -> str:
    """Return why a figure or its ratio does not exist."""
    lost, lost_before = (int(np.isinf(np.concatenate(runs)).sum()) for runs in (now, before))
    if limit.figure.percent is None and (lost or lost_before):
        why = (
            f"{lost} in this run and {lost_before} in its baseline failed or had not ended, so there is no "
            "mean; compare a percentile"
        )
    elif lost or lost_before:
        why = "too many failed or had not ended when the run did"
    else:
        why = "it is 0 s in the baseline"
    return f"{limit.name} cannot be compared: {why}."


def _sentence(limit: RegressionLimit, ratio: float, low: float, high: float, outcome: Outcome) -> str:
    bounds = f"{low:.2f}–{high:.2f}" if math.isfinite(high) else f"above {low:.2f}"
    text = f"{limit.name} {ratio:.2f} × baseline (95 % interval {bounds}), tolerated {limit.ratio:.2f}"
    if outcome is Outcome.INCONCLUSIVE:
        return f"{text}: undecided; a longer run or more baseline runs narrow the interval."
    return f"{text}."
