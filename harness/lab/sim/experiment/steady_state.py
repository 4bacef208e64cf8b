"""
Whether replications are long enough for estimates of a steady state.

A replication that starts empty sees a part of what happens only if the system goes up and down many times in
it: a short one is too optimistic, and no number of replications mends that. A cycle is a way from the lowest
quarter of all values to the highest quarter. Where values hardly depend on each other, as in a system without
queues, a short replication sees as much as a long one.
"""

import math
from collections.abc import Sequence

import numpy as np

from harness.lab.sim.experiment.quantiles import Floats

CYCLES = 60
"""Cycles of a replication with which 95 % intervals of M/M/1 and M/M/3 cover in 92.5 to 97.5 of 100."""


INDEPENDENT = 0.9
"""Cycles per value, as a multiple of those of independent values, from which the length does not matter."""


def cycles(replications: Sequence[Floats]) -> float:
    """Return the mean number of cycles of a replication; infinite if the values do not vary."""
    kept = [np.asarray(values, dtype=np.float64) for values in replications if len(values)]
    low, high = np.quantile(np.concatenate(kept), [0.25, 0.75])
    if low == high:
        return math.inf
    return float(np.mean([_cycles(values, low, high) for values in kept]))


def too_short(replications: Sequence[Floats], duration: float) -> str:
    """
    Return why replications are too short, with the duration that would do; empty if they are long enough.

    Args:
        duration: How long arrivals come in a replication [s].
    """
    found = cycles(replications)
    if found >= CYCLES or _are_independent(found, replications):
        return ""
    longer = duration * CYCLES / max(found, 0.5)
    return (
        f"a replication has {found:.1f} cycles from short to long times, {CYCLES} are needed; use "
        f"{len(replications)} replications with --duration {_rounded(longer):g}s"
    )


def _are_independent(cycles_each: float, replications: Sequence[Floats]) -> bool:
    """Return whether all replications together have enough cycles, and as many as independent values have."""
    values = sum(len(each) for each in replications) / len(replications)
    # Half of the values are in one of the two quarters, and a fourth of their steps goes up.
    return cycles_each * len(replications) >= CYCLES and cycles_each >= INDEPENDENT * values / 8


def _cycles(values: Floats, low: float, high: float) -> int:
    marks = np.where(values >= high, 1, np.where(values <= low, -1, 0))
    marks = marks[marks != 0]
    return int(((marks[1:] == 1) & (marks[:-1] == -1)).sum())


def _rounded(seconds: float) -> float:
    """Return a time rounded up to two digits."""
    unit = 10.0 ** (math.floor(math.log10(seconds)) - 1)
    return math.ceil(seconds / unit) * unit
