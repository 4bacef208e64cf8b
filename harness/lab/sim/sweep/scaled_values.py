"""
Values of a parameter a little below and above its own: numbers and distributions times a factor.

A distribution is scaled so that its mean is; its shape stays.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import JsonValue, TypeAdapter

from harness.lab.sim.platform.platform_settings import PlatformInvalid
from harness.lab.sim.sweep.parameters import ParameterInvalid, VariableSystem
from harness.lab.workload.distributions.counts import Binomial, NegativeBinomial, Poisson
from harness.lab.workload.distributions.distribution import Distribution

VALUES = ("value", "low", "mode", "high", "scale", "median", "values", "min", "max")
"""Fields of a distribution of other than counts that scale with it."""

COUNTED = ("photos", "videos", "documents", "renders", "fetches")
"""Fields of a flow whose samples are rounded to whole numbers."""

LEAST_OF_CHANGE = 0.5
"""A mean that changes by less than this part of the wanted change hardly shows what the parameter does."""

DRAWS = (np.arange(1000) + 0.5) / 1000


def changed_values(system: VariableSystem, key: str, change: float) -> tuple[JsonValue, JsonValue]:
    """
    Return the values of a parameter that are smaller and larger by a relative change, e.g. 0.2.

    Raises:
        ParameterInvalid: The parameter has no value that can be scaled, a changed value is not valid, or it
            is hardly another one.
    """
    base = system.value_at_base(key)
    low, high = (scaled(key, base, factor) for factor in (1 - change, 1 + change))
    for value, wanted in ((low, -change), (high, change)):
        try:
            system.at({key: value})
        except PlatformInvalid as error:
            raise ParameterInvalid(f"{key} cannot be changed by {change:.0%}: {error}") from None
        # Of a whole number one side differs at least.
        if not isinstance(value, int) and not _is_another(key, base, value, wanted):
            raise ParameterInvalid(
                f"{key} cannot be changed by {change:.0%}: its mean stays almost the same; sweep it over "
                "values of your own"
            )
    return low, high


def scaled(key: str, value: Any, factor: float) -> JsonValue:
    """Return a number or a distribution times *factor*; a whole number changes at least by one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole(value, factor)
    if isinstance(value, float):
        return value * factor
    if not isinstance(value, dict) or "distribution" not in value:
        raise ParameterInvalid(f"{key} is {value!r}: only a number or a distribution can be made larger")
    match value["distribution"]:
        case "constant" if _is_count(key) and float(value["value"]).is_integer():
            return _whole(int(value["value"]), factor)
        case "binomial":
            return value | _trials(value["n"], value["p"], factor)
        case "poisson" | "negative_binomial":
            # Not their bounds: they are whole numbers, and often a limit of what is modelled.
            return value | {"mean": value["mean"] * factor}
    return {name: _times(part, factor) if name in VALUES else part for name, part in value.items()}


def _whole(value: int, factor: float) -> int:
    """Return the nearest other whole number; 0 and 1 are not made smaller."""
    scaled = round(value * factor)
    if scaled == value:
        scaled += 1 if factor > 1 else -1
    return max(scaled, min(value, 1))


def _trials(n: int, p: float, factor: float) -> dict[str, JsonValue]:
    """Return trials with *factor* times the successes: more of them if no trial can be so successful."""
    if p * factor <= 1:
        return {"p": p * factor}
    more = math.ceil(n * factor)
    return {"n": more, "p": n * p * factor / more if more else p}


def _times(part: Any, factor: float) -> Any:
    if isinstance(part, list):
        return [_times(each, factor) for each in part]
    return part if part is None or isinstance(part, bool) else part * factor


def _is_count(key: str) -> bool:
    return key.startswith("flows.") and key.rpartition(".")[2] in COUNTED


def _is_another(key: str, base: Any, value: Any, wanted: float) -> bool:
    """Return whether the mean of a value differs from that of the base by about the wanted part of it."""
    if value == base or not isinstance(base, dict):
        return bool(value != base)
    before, after = (_mean(each, is_rounded=_is_count(key)) for each in (base, value))
    return (after - before) / wanted >= LEAST_OF_CHANGE * before


def _mean(document: Mapping[str, Any], *, is_rounded: bool) -> float:
    of = TypeAdapter(Distribution).validate_python(document)
    if isinstance(of, Binomial | NegativeBinomial | Poisson):
        return of.min + math.fsum(1 - below for below in of.table)
    values = of.samples(DRAWS)
    return float(np.mean(np.rint(values) if is_rounded else values))
