"""Times of faults: a number of seconds, or text with a unit, e.g. ``"5 min"``."""

from typing import Annotated

from pydantic import BeforeValidator, FiniteFloat, NonNegativeFloat, PositiveFloat

from harness.lab.workload.distributions.quantities import Duration
from harness.lab.workload.time_text import seconds_of


def _read(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


def _read_signed(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    return (
        -seconds_of(text[1:].strip()) if text.startswith("-") else seconds_of(text.removeprefix("+").strip())
    )


Moment = Annotated[NonNegativeFloat, BeforeValidator(_read, json_schema_input_type=NonNegativeFloat | str)]
TimeSpan = Annotated[PositiveFloat, BeforeValidator(_read, json_schema_input_type=PositiveFloat | str)]
Offset = Annotated[FiniteFloat, BeforeValidator(_read_signed, json_schema_input_type=FiniteFloat | str)]
"""A time that may be negative [s]."""
Delay = Annotated[Duration, BeforeValidator(_read, json_schema_input_type=Duration | str)]
"""A time, or the distribution of one [s]."""
