"""
How a scenario describes arrivals: stages of a rate, one after the other.

Times in seconds of model time, rates per second of model time; every field says so in its name.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    Tag,
    model_validator,
)

from harness.lab.workload.rate import Linear, Piece, Rate, Sine


class _ArrivalStage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    for_s: PositiveFloat = Field(description="How long the stage lasts.")

    def pieces(self, rate_before: float) -> Sequence[Piece]:
        """Return the stage as pieces of a rate, given the rate the previous stage ended with."""
        raise NotImplementedError

    def stretched(self, factor: float) -> Self:
        """Return the stage *factor* times as long, with the same shape."""
        return self.model_copy(update={"for_s": self.for_s * factor})

    def scaled(self, factor: float) -> Self:
        """Return the stage with *factor* times the rate."""
        name = next(name for name in type(self).model_fields if name.endswith("_per_s"))
        return self.model_copy(update={name: _times(getattr(self, name), factor)})


class Hold(_ArrivalStage):
    """A constant rate."""

    hold_per_s: NonNegativeFloat

    def pieces(self, rate_before: float) -> Sequence[Piece]:  # noqa: ARG002 - the same whatever came before
        return [Linear(self.for_s, self.hold_per_s, self.hold_per_s)]


class Ramp(_ArrivalStage):
    """A rate that changes evenly from the first value to the second."""

    ramp_per_s: tuple[NonNegativeFloat, NonNegativeFloat]

    def pieces(self, rate_before: float) -> Sequence[Piece]:  # noqa: ARG002 - the same whatever came before
        return [Linear(self.for_s, *self.ramp_per_s)]


class Steps(_ArrivalStage):
    """Constant rates one after the other, each for an equal part of the stage."""

    steps_per_s: tuple[NonNegativeFloat, ...] = Field(min_length=1)

    def pieces(self, rate_before: float) -> Sequence[Piece]:  # noqa: ARG002 - the same whatever came before
        length = self.for_s / len(self.steps_per_s)
        return [Linear(length, rate, rate) for rate in self.steps_per_s]


class Spike(_ArrivalStage):
    """From the rate before it evenly up to the peak in the middle of the stage, and back."""

    spike_per_s: NonNegativeFloat

    def pieces(self, rate_before: float) -> Sequence[Piece]:
        half = self.for_s / 2
        return [Linear(half, rate_before, self.spike_per_s), Linear(half, self.spike_per_s, rate_before)]


class Swing(_ArrivalStage):
    """A sine around a mean, rising first; the amplitude is at most the mean."""

    sine_per_s: tuple[NonNegativeFloat, NonNegativeFloat] = Field(description="Mean and amplitude.")
    period_s: PositiveFloat

    def stretched(self, factor: float) -> Self:
        return super().stretched(factor).model_copy(update={"period_s": self.period_s * factor})

    @model_validator(mode="after")
    def _never_negative(self) -> Self:
        mean, amplitude = self.sine_per_s
        if amplitude > mean:
            raise ValueError(f"the amplitude {amplitude} exceeds the mean {mean}: the rate would be negative")
        return self

    def pieces(self, rate_before: float) -> Sequence[Piece]:  # noqa: ARG002 - the same whatever came before
        return [Sine(self.for_s, *self.sine_per_s, self.period_s)]


class ArrivalTrace(_ArrivalStage):
    """
    Rates read from a record: each holds from its time until the next, the last until the end.

    A scenario file may name a CSV file instead, ``trace_csv``, with the columns ``at_s`` and
    ``rate_per_s``; it is read with the scenario, which is whole from then on.
    """

    trace_per_s: tuple[tuple[NonNegativeFloat, NonNegativeFloat], ...] = Field(
        (), description="Pairs of a time, from 0, and the rate from then on."
    )
    trace_csv: str | None = Field(None, description="File with the pairs, beside the scenario file.")

    def stretched(self, factor: float) -> Self:
        trace = tuple((at * factor, rate) for at, rate in self.trace_per_s)
        return super().stretched(factor).model_copy(update={"trace_per_s": trace})

    def scaled(self, factor: float) -> Self:
        return self.model_copy(
            update={"trace_per_s": tuple((at, rate * factor) for at, rate in self.trace_per_s)}
        )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [at for at, _ in self.trace_per_s]
        if not times:
            raise ValueError("a trace needs at least one pair of time and rate")
        if times[0] != 0:
            raise ValueError(f"the trace starts at {times[0]} s, not at 0")
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError("the times of the trace must increase")
        return self

    def pieces(self, rate_before: float) -> Sequence[Piece]:  # noqa: ARG002 - the same whatever came before
        known = [(at, rate) for at, rate in self.trace_per_s if at < self.for_s]
        ends = [at for at, _ in known[1:]] + [self.for_s]
        return [Linear(end - at, rate, rate) for (at, rate), end in zip(known, ends, strict=True)]


_STAGES = {
    "hold_per_s": "hold",
    "ramp_per_s": "ramp",
    "steps_per_s": "steps",
    "spike_per_s": "spike",
    "sine_per_s": "sine",
    "trace_per_s": "trace",
    "trace_csv": "trace",
}


def _kind(stage: Any) -> str | None:
    given = stage if isinstance(stage, dict) else vars(stage) if isinstance(stage, _ArrivalStage) else {}
    kinds = {kind for key, kind in _STAGES.items() if key in given}
    return kinds.pop() if len(kinds) == 1 else None


Stage = Annotated[
    Annotated[Hold, Tag("hold")]
    | Annotated[Ramp, Tag("ramp")]
    | Annotated[Steps, Tag("steps")]
    | Annotated[Spike, Tag("spike")]
    | Annotated[Swing, Tag("sine")]
    | Annotated[ArrivalTrace, Tag("trace")],
    Discriminator(
        _kind,
        custom_error_type="stage",
        custom_error_message=f"Input should have exactly one of {', '.join(_STAGES)}",
    ),
]


class Arrivals(BaseModel):
    """One source of arrivals; several sources of a scenario add up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    process: Literal["poisson", "paced"] = Field(
        "poisson", description="Independent people, or evenly spaced for the smallest variance."
    )
    stages: tuple[Stage, ...] = Field(min_length=1)

    def rate(self, duration: float) -> Rate:
        """Return the arrival rate of the first *duration* seconds; stages beyond are not played."""
        pieces: list[Piece] = []
        left, rate_before = duration, 0.0
        for stage in self.stages:
            for piece in stage.pieces(rate_before):
                if left > 0:
                    pieces.append(_cut(piece, left))
                left -= piece.length
            rate_before = _last_rate(stage, rate_before)
        return Rate(pieces)

    def stretched(self, factor: float) -> Self:
        """Return the source with every stage *factor* times as long."""
        return self.model_copy(update={"stages": tuple(stage.stretched(factor) for stage in self.stages)})

    def scaled(self, factor: float) -> Self:
        """Return the source with *factor* times the arrivals."""
        return self.model_copy(update={"stages": tuple(stage.scaled(factor) for stage in self.stages)})


def _cut(piece: Piece, length: float) -> Piece:
    if piece.length <= length:
        return piece
    if isinstance(piece, Linear):
        return Linear(length, piece.first, piece.rate(length))
    assert isinstance(piece, Sine)  # noqa: S101 - the only other kind there is
    return Sine(length, piece.mean, piece.amplitude, piece.period)


def _last_rate(stage: _ArrivalStage, rate_before: float) -> float:
    last = stage.pieces(rate_before)[-1]
    return last.rate(last.length)


def _times(rates: float | tuple[float, ...], factor: float) -> float | tuple[float, ...]:
    return tuple(rate * factor for rate in rates) if isinstance(rates, tuple) else rates * factor
