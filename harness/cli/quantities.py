"""Durations and rates on the command line: ``90``, ``90s``, ``1h30m``; ``4``, ``4/s``, ``240/min``."""

import math
import re

import typer

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
PER_SECOND = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)\s*")
_RATE = re.compile(r"(?P<number>[^/\s]+)\s*(?:/\s*(?P<unit>s|min|m|h))?")


def duration(text: str) -> float:
    """Read a duration [s]; a number without a unit is in seconds."""
    number = _number(text)
    if number is not None:
        return number
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text.strip()):
        raise typer.BadParameter(f"{text!r} is not a duration; write for example 90, 90s, 10m or 1h30m")
    return sum(float(count) * SECONDS[unit] for count, unit in parts)


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
