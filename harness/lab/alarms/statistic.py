"""
CloudWatch's statistics over the raw values of one period.

Percentiles are nearest rank, ⌈p·n⌉, on the raw values. CloudWatch does not publish its rule; `sensitivity`
marks verdicts that another rule would change.

Source: CloudWatch user guide, "Statistics definitions".
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.lab.results.percentile import exact_ratio, nearest_rank, percentile_of_sorted

Values = npt.NDArray[np.float64]
"""Raw values of one period, ascending, shape (n,), n ≥ 1."""

SIMPLE: dict[str, Callable[[Values], float]] = {
    "SampleCount": lambda values: float(values.size),
    "Average": lambda values: float(values.mean()),
    "Sum": lambda values: float(values.sum()),
    "Minimum": lambda values: float(values[0]),
    "Maximum": lambda values: float(values[-1]),
}

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_SHORT = re.compile(r"(tm|tc|ts|wm)(\d{1,2}(?:\.\d{1,10})?|100)")
_LONG = re.compile(r"(TM|TC|TS|WM|PR)\(([^:()]*):([^:()]*)\)")

PercentileMethod = Literal["nearest_rank", "linear", "higher"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    The bounds of a trimmed statistic.

    Attributes:
        lower, upper: Percentages 0…100, or values in the metric's unit; infinite where open.
        percent: Whether both are percentages.
    """

    lower: float
    upper: float
    percent: bool

    def clipped(self, values: Values) -> Values:
        """Return *values* with those outside the bounds set to the nearer bound."""
        lower, upper = self.lower, self.upper
        if self.percent:
            lower, upper = percentile_of_sorted(values, lower), percentile_of_sorted(values, upper)
        return np.clip(values, lower, upper)

    def kept(self, values: Values) -> Values:
        """Return the values above *lower* and up to *upper*, by value or by rank, ascending."""
        if not self.percent:
            return values[(values > self.lower) & (values <= self.upper)]
        first = nearest_rank(self.lower, values.size) if self.lower > 0 else 0
        return values[first : nearest_rank(self.upper, values.size)]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic by its CloudWatch name: ``Sum``, ``p95``, ``tm90``, ``TM(2%:98%)``, ``IQM``, …"""

    name: str
    kind: str
    percent: float | None = None
    bounds: Bounds | None = None

    @classmethod
    def parse(cls, name: str) -> "Statistic":
        """Return the statistic of a name, or raise ValueError if CloudWatch has none of this name."""
        if name in SIMPLE:
            return cls(name, name)
        if match := _PERCENTILE.fullmatch(name):
            return cls(name, "p", percent=float(match[1]))
        if name == "IQM":
            return cls(name, "TM", bounds=Bounds(25.0, 75.0, percent=True))
        if match := _SHORT.fullmatch(name):
            return cls(name, match[1].upper(), bounds=Bounds(0.0, float(match[2]), percent=True))
        if match := _LONG.fullmatch(name):
            bounds = _bounds(match[2], match[3])
            if bounds is not None and not (match[1] == "PR" and bounds.percent):
                return cls(name, match[1], bounds=bounds)
        raise ValueError(f"CloudWatch has no statistic {name!r}")

    def value(self, values: Values, method: PercentileMethod = "nearest_rank") -> float | None:
        """
        Return the statistic of one period's values.

        It is None if the bounds leave no value, or if a value is negative and the statistic is not one of
        `SIMPLE`. Verdicts use the default *method*.
        """
        if self.kind in SIMPLE:
            return SIMPLE[self.kind](values)
        if values[0] < 0:
            return None
        if self.percent is not None:
            return percentile(values, self.percent, method)
        if self.bounds is None:
            raise ValueError(f"{self.name} has no bounds")
        return _trimmed(self.kind, self.bounds, values)

    def samples_needed(self) -> float:
        """
        Return how many samples a percentile needs: 10/(1-p) above the median, 10/p below.

        Source: CloudWatch user guide, "Percentile-based alarms and low data samples".
        """
        if self.percent is None:
            return 0.0
        share = self.percent / 100
        distance = 1 - share if share >= 0.5 else share
        return round(10 / distance, 6) if distance > 0 else math.inf


def percentile(values: Values, percent: float, method: PercentileMethod = "nearest_rank") -> float:
    """
    Return a percentile of ascending *values*.

    The method ``nearest_rank`` is ⌈p·n⌉; ``linear`` interpolates (R-7); ``higher`` is ⌊p·n⌋+1.
    """
    if method == "nearest_rank":
        return percentile_of_sorted(values, percent)
    numerator, denominator = exact_ratio(percent)
    if method == "higher":
        return float(values[min(numerator * values.size // denominator, values.size - 1)])
    below, rest = divmod(numerator * (values.size - 1), denominator)
    step = values[min(below + 1, values.size - 1)] - values[below]
    return float(values[below] + step * (rest / denominator))


def _trimmed(kind: str, bounds: Bounds, values: Values) -> float | None:
    kept = bounds.kept(values)
    if kind == "TC":
        return float(kept.size)
    if kind == "TS":
        return float(kept.sum())
    if kind == "PR":
        return 100.0 * kept.size / values.size
    if kind == "WM":
        return float(bounds.clipped(values).mean())
    return float(kept.mean()) if kept.size else None


def _bounds(lower: str, upper: str) -> Bounds | None:
    texts = [text.strip() for text in (lower, upper)]
    given = [text for text in texts if text]
    percents = [text.endswith("%") for text in given]
    if not given or any(percents) != all(percents):
        return None
    percent = all(percents)
    open_ends = (0.0, 100.0) if percent else (-math.inf, math.inf)
    try:
        low, high = (
            float(text.rstrip("%")) if text else end for text, end in zip(texts, open_ends, strict=True)
        )
    except ValueError:
        return None
    if percent and not (0 <= low <= 100 and 0 <= high <= 100):
        return None
    return Bounds(low, high, percent) if low < high else None
