"""One figure of a benchmark: a measured value and its ratio to another one of the same run."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """
    A measured value.

    Attributes:
        value: In *unit*; None if it was not measured.
        ratio: Of *value* and the value that *against* names; None without such a value.
        note: Why it was not measured, or what else to know about it.
    """

    name: str
    value: float | None
    unit: str
    ratio: float | None = None
    against: str = ""
    note: str = ""

    @property
    def line(self) -> str:
        """The figure as one line of text."""
        measured = "not measured" if self.value is None else f"{self.value:.4g} {self.unit}"
        ratio = "" if self.ratio is None else f"  {self.ratio:.3g} × {self.against}"
        return f"{self.name}: {measured}{ratio}{f'  ({self.note})' if self.note else ''}"


def seconds(work: Callable[[], object], tries: int = 3) -> float:
    """Return how long *work* takes [s]: the shortest of *tries*, since other processes only lengthen it."""
    best = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
