"""
The objectives of a scenario, one line of text each.

::

    p95(E2E:ready) <= 15 min            a percentile of response times
    p99(POST uploads) < 500 ms for 3 of 5 x 60s
    mean(POST uploads/status) < 50 ms   also min and max
    fail_ratio(PUT object) < 0.5 %      failed or censored of all
    count(forbidden succeeded) == 0     rows; also count(<selector>), count(<selector> failed)
                                        and count(<selector> succeeded)
    rate(E2E:ready) >= 4 /s             completions per second of the measured window,
                                        or the increase of a counter
    achieved >= 99 %                    share of the offered arrivals that were started
    total(media_batches_failed_total) == 0
    p95(media_processing_duration_seconds) <= 10 min
    alarm(listing-media-dlq-has-messages) == ALARM

A selector is ``type:name``, ``type name`` or a name alone, as in the ``requests`` table; names of metrics
read the ``metrics`` table. Units are mandatory: ``ms s min h`` for times, ``%`` for ratios, ``/s /min /h``
for rates, none for counts. Response times are measured from the intended start, so that a stalled generator
does not shorten them. The time of an unfinished request is a lower bound. For a percentile of the time to
READY, so is the time of a failed batch. If a result depends on lower bounds, it is inconclusive.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.lab.alarms.alarm import Place
from harness.lab.results.rows import E2E, E2E_NAMES

if TYPE_CHECKING:
    from harness.lab.results.run import Run

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}
SECONDS = {
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "min": Fraction(60),
    "m": Fraction(60),
    "h": Fraction(3600),
}
RATES = {"/s": Fraction(1), "/min": Fraction(1, 60), "/h": Fraction(1, 3600)}
FACTORS = {"": Fraction(1), "%": Fraction(1, 100), **SECONDS, **RATES}


class Dimension(StrEnum):
    """The dimension of an objective's limit; it decides the valid units."""

    TIME = "time"
    RATIO = "ratio"
    RATE = "rate"
    COUNT = "count"
    STATE = "state"


UNITS = {
    Dimension.TIME: tuple(SECONDS),
    Dimension.RATIO: ("%",),
    Dimension.RATE: tuple(RATES),
    Dimension.COUNT: ("",),
    Dimension.STATE: ("",),
}

FUNCTIONS = {
    "mean": Dimension.TIME,
    "min": Dimension.TIME,
    "max": Dimension.TIME,
    "fail_ratio": Dimension.RATIO,
    "count": Dimension.COUNT,
    "rate": Dimension.RATE,
    "total": Dimension.COUNT,
    "achieved": Dimension.RATIO,
    "alarm": Dimension.STATE,
}

_LINE = re.compile(
    r"""\s*(?P<function>[a-z_]+|p\d{1,2}(?:\.\d+)?)\s*
        (?:\(\s*(?P<selector>[^()]*?)\s*\))?\s*
        (?P<comparison><=|>=|==|!=|<|>)\s*
        (?P<limit>[A-Za-z_]+|[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*
        (?P<unit>%|/s|/min|/h|ms|s|min|m|h)?\s*
        (?:for\s+(?P<points>\d+)\s+of\s+(?P<periods>\d+)\s*x\s*(?P<period>\d+)\s*s)?\s*""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Window:
    """Breached if *points* of *periods* consecutive periods of *period* seconds break the limit."""

    points: int
    periods: int
    period: int


@dataclass(frozen=True, slots=True)
class Objective:
    """
    One objective.

    Attributes:
        function: ``p95``, ``mean``, ``fail_ratio``, …
        selector: The requests, metric or alarm that it measures; empty for ``achieved``.
        limit: In seconds, 0…1, per second or count; the name of a state for ``alarm``.
    """

    text: str
    function: str
    selector: str
    comparison: str
    limit: float | str
    dimension: Dimension
    window: Window | None = None
    place: Place | None = None

    @classmethod
    def parse(cls, text: str, place: Place | None = None) -> "Objective":
        """Read one line; a ValueError says why the line is not a valid objective."""
        match = _LINE.fullmatch(text)
        if match is None:
            raise ValueError(
                f"Not a valid objective: {text!r}. Write for example: p95(E2E:ready) <= 15 min, "
                "fail_ratio(PUT object) < 0.5 %, count(forbidden succeeded) == 0"
            )
        function, selector = match["function"], match["selector"] or ""
        dimension = _dimension(function, selector, text)
        if dimension is Dimension.STATE and match["comparison"] not in ("==", "!="):
            raise ValueError(f"{text!r}: compare an alarm's state by == or !=")
        limit, window = _limit(match["limit"], match["unit"] or "", dimension, text), _window(match, text)
        return cls(text, function, selector, match["comparison"], limit, dimension, window, place)

    @property
    def percent(self) -> float | None:
        """The percentile of a function such as ``p95``, 0…100; None for other functions."""
        return float(self.function[1:]) if self.function[0] == "p" else None

    @property
    def is_of_model_time(self) -> bool:
        """Whether a time that it limits is model time: of a whole batch, or a metric; else clock time."""
        kind = self.selector.replace(":", " ", 1).split()[0]
        return is_metric(self.selector) or kind in (E2E, *E2E_NAMES)

    def holds(self, value: float | str) -> bool:
        """Return whether *value* meets the objective."""
        if isinstance(value, str) or isinstance(self.limit, str):
            return (value == self.limit) == (self.comparison == "==")
        return COMPARISONS[self.comparison](value, self.limit)

    def show(self, value: float | str | None) -> str:
        """Return a measured value as text with a unit."""
        if value is None:
            return "no data"
        if isinstance(value, str):
            return value
        if self.dimension is Dimension.TIME:
            return _duration(value)
        if self.dimension is Dimension.RATIO:
            return f"{value * 100:.3g} %"
        return f"{value:.4g} /s" if self.dimension is Dimension.RATE else f"{value:g}"


def objectives_of(run: "Run") -> list[Objective]:
    """Return the objectives of a run's scenario with their places."""
    file = f"scenarios/{run.header.scenario_name}.toml"
    entries = run.scenario.get("objectives") or []
    objectives = []
    for entry in entries if isinstance(entries, list) else [entries]:
        fields = entry if isinstance(entry, dict) else {}
        expression, line = fields.get("expression"), fields.get("line")
        if not isinstance(expression, str) or not isinstance(line, int | None):
            raise ValueError(
                f"{run.folder}/run.json: an objective needs an expression and may have a line, not {entry!r}"
            )
        objectives.append(Objective.parse(expression, Place(file, line) if line else None))
    return objectives


def is_metric(selector: str) -> bool:
    """Return whether a selector names a metric rather than a request."""
    return selector.startswith(("media_", "AWS/"))


def _dimension(function: str, selector: str, text: str) -> Dimension:
    is_percentile = re.fullmatch(r"p\d.*", function) is not None and float(function[1:]) > 0
    dimension = Dimension.TIME if is_percentile else FUNCTIONS.get(function)
    if dimension is None:
        known = ", ".join(["p50 … p99.9", *FUNCTIONS])
        raise ValueError(f"{text!r}: unknown function {function!r}; the functions are {known}")
    if dimension is Dimension.TIME and is_metric(selector) and "_seconds" not in selector:
        dimension = Dimension.COUNT
    if function == "fail_ratio" and is_metric(selector):
        raise ValueError(f"{text!r}: a metric has no failed rows; write total(…) of a counter of failures")
    if function == "achieved" and selector:
        raise ValueError(f"{text!r}: achieved has no selector; write it without parentheses")
    if function != "achieved" and not selector:
        raise ValueError(f"{text!r}: the selector is missing; write for example {function}(E2E:ready)")
    return dimension


def _limit(text: str, unit: str, dimension: Dimension, line: str) -> float | str:
    if dimension is Dimension.STATE:
        if text not in ("OK", "ALARM", "INSUFFICIENT_DATA") or unit:
            raise ValueError(f"{line!r}: the state of an alarm is OK, ALARM or INSUFFICIENT_DATA")
        return text
    if unit not in UNITS[dimension]:
        wanted = " or ".join(UNITS[dimension]) or "none"
        raise ValueError(f"{line!r}: a {dimension} needs the unit {wanted}, not {unit or 'none'}")
    if text[0].isalpha():
        raise ValueError(f"{line!r}: {text!r} is not a number")
    try:
        # As binary fractions, 35 × 0.01 would be more than 0.35.
        number = float(Fraction(str(float(text))) * FACTORS[unit])
    except (ValueError, OverflowError):
        # A fraction is neither infinite nor larger than the largest float.
        raise ValueError(f"{line!r}: the number {text} is too large") from None
    if dimension is Dimension.TIME and number < 0:
        raise ValueError(f"{line!r}: a time is not below 0")
    return number


def _window(match: re.Match[str], text: str) -> Window | None:
    if match["points"] is None:
        return None
    if match["function"] in ("alarm", "achieved"):
        raise ValueError(f"{text!r}: {match['function']} is measured over the whole run, not over periods")
    window = Window(int(match["points"]), int(match["periods"]), int(match["period"]))
    if not 1 <= window.points <= window.periods or window.period < 1:
        raise ValueError(f"{text!r}: the periods must be M of N x S s with 1 ≤ M ≤ N and S ≥ 1")
    return window


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 120 else f"{seconds / 60:.2f} min"
