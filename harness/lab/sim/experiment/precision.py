"""
How many replications: as many as the answer needs, and no more than the caller allows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.lab.sim.experiment.quantiles import Estimate

R = TypeVar("R")

FIRST = 10
GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class Precise(Generic[R]):
    """
    Replications and the estimate they gave, if any; ``reached`` tells whether it is as precise as asked.
    """

    replications: tuple[R, ...]
    estimate: Estimate | None
    reached: bool


def run_until(
    replicate: Callable[[Sequence[int]], Sequence[R]],
    estimate: Callable[[Sequence[R]], Estimate | None],
    *,
    precision: float,
    at_most: int = 1000,
    first: int = FIRST,
) -> Precise[R]:
    """
    Replicate until the half-width is at most *precision* of the true value.

    Args:
        replicate: Plays the replications of the given numbers.
        estimate: None where they say nothing: more of their kind are not played then.
        precision: γ, e.g. 0.05. The estimate itself is uncertain, hence γ/(1+γ) of it.

    Source:
        Law, Simulation Modeling and Analysis, 9.4.1: the sequential procedure.
    """
    if not 0 < precision < 1:
        raise ValueError(f"a relative precision lies between 0 and 1, not {precision}")
    done: list[R] = []
    wanted = min(first, at_most)
    while True:
        done += replicate(range(len(done), wanted))
        found = estimate(done)
        if found is None:
            return Precise(tuple(done), found, reached=False)
        if found.relative_half_width <= precision / (1 + precision):
            return Precise(tuple(done), found, reached=True)
        if len(done) >= at_most:
            return Precise(tuple(done), found, reached=False)
        wanted = min(at_most, int(len(done) * GROWTH) + 1)
