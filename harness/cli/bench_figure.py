"""
One figure of a benchmark: a measurement beside another of the same run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """
    Something measured.

    Attributes:
        value: As measured, in *unit*.
        ratio: Of *value* to that of *against*; None where there is nothing to set it against.
        note: What kept it from being measured, or what one should know.
    """

    name: str
    value: float | None
    unit: str
    ratio: float | None = None
    against: str = ""
    note: str = ""

    @property
    def line(self) -> str:
        """The figure for people."""
        measured = "not measured" if self.value is None else f"{self.value:.4g} {self.unit}"
        ratio = "" if self.ratio is None else f"  {self.ratio:.3g} × {self.against}"
        return f"{self.name}: {measured}{ratio}{f'  ({self.note})' if self.note else ''}"

    @property
    def as_json(self) -> dict[str, str | float | None]:
        return {
            "name": self.name, "value": self.value, "unit": self.unit, "ratio": self.ratio,
            "against": self.against, "note": self.note,
        }  # fmt: skip


def seconds(work: Callable[[], object], tries: int = 3) -> float:
    """Return how long *work* takes [s]: the best of some tries, since noise only ever adds."""
    best = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
