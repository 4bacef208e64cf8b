"""Numbers and units as texts for people. Times are seconds, sizes bytes, ratios 0…1."""

import math

ABSENT = "–"


def seconds(value: float | None) -> str:
    """Return a time with three significant digits and a suitable unit."""
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "unbounded"
    if 0 < abs(value) < 5e-7:
        return "< 1 µs"
    if 0 < abs(value) < 0.9995:
        return f"{_digits(value * 1000)} ms"
    for least, unit, name in ((7200, 3600, "h"), (120, 60, "min")):
        if abs(value) >= least:
            return f"{_digits(value / unit)} {name}"
    return f"{_digits(value)} s"


def exact(value: float) -> str:
    """Return a time in its shortest exact form, e.g. 10 min for the label of an axis."""
    for unit, name in ((3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if value >= unit:
            return f"{value / unit:g} {name}"
    return f"{value * 1000:g} ms"


def count(value: float | None) -> str:
    """Return a count with its thousands separated."""
    if value is None or math.isnan(value):
        return ABSENT
    return f"{value:,.0f}".replace(",", "\u202f")


def number(value: float | None) -> str:
    """Return a bare number with three significant digits."""
    if value is None or math.isnan(value):
        return ABSENT
    return _digits(value)


def percent(ratio: float | None) -> str:
    """Return a ratio in per cent; only exactly 0 and 1 read as 0 % and 100 %."""
    if ratio is None or math.isnan(ratio):
        return ABSENT
    if 0 < ratio < 0.001:
        return "< 0.1 %"
    if 0.999 < ratio < 1:
        return "> 99.9 %"
    return f"{_digits(ratio * 100)} %"


def data_size(value: float) -> str:
    """Return a size in a suitable decimal unit."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{_digits(value / size)} {unit}"
    return f"{value:.0f} bytes"


def plural(amount: float, noun: str, many: str = "") -> str:
    """Return "1 batch", "3 batches"."""
    return f"{count(amount)} {noun if amount == 1 else many or noun + 's'}"


def between(low: float, high: float) -> str:
    """Return an interval of times as text; an infinite bound means that the sample is too small."""
    if math.isinf(low) and math.isinf(high):
        return "too few samples for an interval"
    if math.isinf(high):
        return f"{seconds(low)} or more"
    return f"{seconds(max(low, 0.0))} to {seconds(high)}"


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    value = float(f"{value:.2e}")  # 0.9999 is 1.00, not 1.000
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace(",", "\u202f")
