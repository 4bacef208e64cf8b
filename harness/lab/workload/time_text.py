"""Times as text: ``90``, ``90 s``, ``5 min``, ``1h30m``. Float seconds."""

import math
import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)\s*")


def seconds_of(text: str) -> float:
    """Read a time [s]; a number without a unit is in seconds. Other text is a `ValueError`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text.strip()):
        raise ValueError(f"{text!r} is not a duration; write for example 90, 90s, 10m or 1h30m")
    return sum(float(count) * SECONDS[unit] for count, unit in parts)
