"""Durations and rates on the command line: ``90``, ``90s``, ``1h30m``; ``4``, ``4/s``, ``240/min``."""

import math
import re

import typer

from harness.lab.workload.time_text import seconds_of

PER_SECOND = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}

_RATE = re.compile(r"(?P<number>[^/\s]+)\s*(?:/\s*(?P<unit>s|min|m|h))?")


def duration(text: str) -> float:
    """Read a duration [s]; a number without a unit is in seconds."""
    try:
        return seconds_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def rate(text: str) -> float:
    """Read a rate [1/s]; a number without a unit is per second."""
    match = _RATE.fullmatch(text.strip())
    number = None if match is None else _number(match["number"])
    if match is None or number is None:
        raise typer.BadParameter(f"{text!r} is not a rate; write for example 4, 4/s or 240/min")
    if number <= 0:
        raise typer.BadParameter(f"{text!r} brings no arrivals; a rate is above 0")
    return number / PER_SECOND[match["unit"] or "s"]


def _number(text: str) -> float | None:
    """Return a finite number, or None; the scenario refuses one that is out of range."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
