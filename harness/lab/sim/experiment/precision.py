"""The number of replications: until the estimate is precise enough, up to a maximum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.lab.sim.experiment.quantiles import Estimate

R = TypeVar("R")

FIRST = 10
GROWTH = 1.5


@dataclass(frozen=True, slots=True)
class PrecisionResult(Generic[R]):
    """Replications, their estimate if they give one, and whether it has reached the required precision."""

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
) -> PrecisionResult[R]:
    """
    Replicate until the half-width is at most *precision* of the true value.

    Args:
        replicate: Runs the replications with the given numbers.
        estimate: Returns the estimate of replications; None ends the procedure.
        precision: γ, e.g. 0.05. The estimate itself is uncertain, so its half-width must be γ/(1+γ) of it.

    Source:
        Law, Simulation Modeling and Analysis, 9.4.1: the sequential procedure.
    """
    if not 0 < precision < 1:
        raise ValueError(f"a relative precision must lie between 0 and 1, e.g. 0.05, not {precision}")
    done: list[R] = []
    wanted = min(first, at_most)
    while True:
        done += replicate(range(len(done), wanted))
        found = estimate(done)
        reached = found is not None and found.relative_half_width <= precision / (1 + precision)
        if found is None or reached or len(done) >= at_most:
            return PrecisionResult(tuple(done), found, reached)
        wanted = min(at_most, int(len(done) * GROWTH) + 1)
