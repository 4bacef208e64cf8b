"""
Objectives: what a scenario promises, as one readable line each.

::

    p95(E2E:ready) <= 15 min            a percentile of response times
    p99(POST uploads) < 500 ms for 3 of 5 x 60s
    mean(GET status) < 50 ms            likewise: min, max
    fail_ratio(PUT object) < 0.5 %      failed or censored of all
    count(forbidden succeeded) == 0     rows; also count(<selector>), count(<selector> failed)
                                        or succeeded
    rate(E2E:ready) >= 4 /s             completions per second of the measured window
    achieved >= 99 %                    arrivals started of arrivals offered
    total(media_batches_failed_total) == 0
    p95(media_processing_duration_seconds) <= 10 min
    alarm(listing-media-dlq-has-messages) == ALARM

A selector is ``type:name``, ``type name`` or a name alone, as in the ``requests`` table; names of metrics
read the ``metrics`` table. Units are mandatory: ``ms s min h`` for times, ``%`` for ratios, ``/s /min /h``
for rates, none for counts. Response times run from the intended start, so a stalled generator cannot
flatter them. An unfinished request has waited at least so long; and of the share of batches that a percentile
of READY asks for, none that failed is part: what they decide is inconclusive, unless what is known breaks it.
"""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from harness.lab.alarms.alarm import Place

SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
RATES = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600}


class Dimension(StrEnum):
    """What an objective's number measures; decides the unit it must have."""

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
    """Judge period by period: *points* breaching of the last *periods* of *period* seconds are a breach."""

    points: int
    periods: int
    period: int


@dataclass(frozen=True, slots=True)
class Objective:
    """
    One promise.

    Attributes:
        function: ``p95``, ``mean``, ``fail_ratio``, …
        selector: What it is asked of; empty for ``achieved``.
        limit: In seconds, 0…1, per second or count; a state's name for ``alarm``.
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
        """
        Raises:
            ValueError: The line is no objective; the message says what is wrong with it.
        """
        match = _LINE.fullmatch(text)
        if match is None:
            raise ValueError(
                f"{text!r} is no objective; write for example: p95(E2E:ready) <= 15 min, "
                "fail_ratio(PUT object) < 0.5 %, count(forbidden succeeded) == 0"
            )
        function, selector = match["function"], match["selector"] or ""
        dimension = _dimension(function, selector, text)
        if dimension is Dimension.STATE and match["comparison"] not in ("==", "!="):
            raise ValueError(f"{text!r}: an alarm's state is compared by == or !=")
        limit = _limit(match["limit"], match["unit"] or "", dimension, text)
        return cls(
            text, function, selector, match["comparison"], limit, dimension, _window(match, text), place
        )

    @property
    def percent(self) -> float | None:
        """The percentile asked for, 0…100; None for other functions."""
        return float(self.function[1:]) if self.function[0] == "p" else None

    def holds(self, value: float | str) -> bool:
        """Whether *value* keeps the promise."""
        if isinstance(value, str) or isinstance(self.limit, str):
            return (value == self.limit) == (self.comparison == "==")
        return {
            "<=": value <= self.limit,
            "<": value < self.limit,
            ">=": value >= self.limit,
            ">": value > self.limit,
            "==": value == self.limit,
            "!=": value != self.limit,
        }[self.comparison]

    def show(self, value: float | str | None) -> str:
        """Return a measured value with the unit people read."""
        if value is None:
            return "no data"
        if isinstance(value, str):
            return value
        if self.dimension is Dimension.TIME:
            return _duration(value)
        if self.dimension is Dimension.RATIO:
            return f"{value * 100:.3g} %"
        return f"{value:.4g} /s" if self.dimension is Dimension.RATE else f"{value:g}"


def is_metric(selector: str) -> bool:
    """Whether a selector names a metric rather than a request."""
    return selector.startswith(("media_", "AWS/"))


def _dimension(function: str, selector: str, text: str) -> Dimension:
    is_percentile = re.fullmatch(r"p\d.*", function) is not None and float(function[1:]) > 0
    dimension = Dimension.TIME if is_percentile else FUNCTIONS.get(function)
    if dimension is None:
        known = ", ".join(["p50 … p99.9", *FUNCTIONS])
        raise ValueError(f"{text!r}: there is no function {function!r}; there are {known}")
    if dimension is Dimension.TIME and is_metric(selector) and "_seconds" not in selector:
        dimension = Dimension.COUNT
    if function == "achieved" and selector:
        raise ValueError(f"{text!r}: achieved takes no selector")
    if function != "achieved" and not selector:
        raise ValueError(f"{text!r}: say of what, as in {function}(E2E:ready)")
    return dimension


def _limit(text: str, unit: str, dimension: Dimension, line: str) -> float | str:
    if dimension is Dimension.STATE:
        if text not in ("OK", "ALARM", "INSUFFICIENT_DATA") or unit:
            raise ValueError(f"{line!r}: an alarm is OK, ALARM or INSUFFICIENT_DATA")
        return text
    if unit not in UNITS[dimension]:
        wanted = " or ".join(UNITS[dimension]) or "none"
        raise ValueError(f"{line!r}: a {dimension} needs the unit {wanted}, not {unit or 'none'}")
    if text[0].isalpha():
        raise ValueError(f"{line!r}: {text!r} is no number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{line!r}: {text} is too large a number")
    return number * {"": 1.0, "%": 0.01, **SECONDS, **RATES}[unit]


def _window(match: re.Match[str], text: str) -> Window | None:
    if match["points"] is None:
        return None
    if match["function"] in ("alarm", "achieved"):
        raise ValueError(f"{text!r}: {match['function']} is of the whole run, not of periods")
    window = Window(int(match["points"]), int(match["periods"]), int(match["period"]))
    if not 1 <= window.points <= window.periods or window.period < 1:
        raise ValueError(f"{text!r}: {window.points} of {window.periods} periods cannot be")
    return window


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.2f} min"
