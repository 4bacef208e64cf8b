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
        at_least, at_most: What was asked of the ratio; None if nothing was.
    """

    name: str
    value: float | None
    unit: str
    ratio: float | None = None
    against: str = ""
    note: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def asked(self) -> str:
        """What was asked of the ratio, and whether it holds; empty if nothing was asked or measured."""
        if self.ratio is None or self.at_least is self.at_most is None:
            return ""
        if self.at_least is not None:
            return f"at least {self.at_least:g}: {'held' if self.ratio >= self.at_least else 'MISSED'}"
        assert self.at_most is not None  # noqa: S101 - one of them is given
        return f"at most {self.at_most:g}: {'held' if self.ratio <= self.at_most else 'MISSED'}"

    @property
    def line(self) -> str:
        """The figure as one line of text."""
        measured = "not measured" if self.value is None else f"{self.value:.4g} {self.unit}"
        ratio = "" if self.ratio is None else f"  {self.ratio:.3g} × {self.against}"
        remarks = "; ".join(filter(None, (self.asked, self.note)))
        return f"{self.name}: {measured}{ratio}{f'  ({remarks})' if remarks else ''}"


def seconds(work: Callable[[], object], tries: int = 3) -> float:
    """Return how long *work* takes [s]: the shortest of *tries*, since other processes only lengthen it."""
    best = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
