"""The stages of arrivals in a scenario. Times are seconds of model time, rates per second of it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, NonNegativeFloat, PositiveFloat, Tag, model_validator

from harness.lab.workload.arrivals.arrival_rate import LinearPiece, RatePiece, SinePiece
from harness.lab.workload.scenario_section import ScenarioSection


class BaseStage(ScenarioSection):
    """The base class of all stages."""

    for_s: PositiveFloat = Field(description="Length of the stage.")

    def pieces(self, rate_before: float) -> Sequence[RatePiece]:
        """Return the stage as pieces of a rate; *rate_before* is the last rate of the previous stage."""
        raise NotImplementedError

    def stretched(self, factor: float) -> Self:
        """Return the stage *factor* times as long, with the same rates."""
        times = [name for name in type(self).model_fields if name in ("for_s", "period_s")]
        return self.model_copy(update={name: getattr(self, name) * factor for name in times})

    def scaled(self, factor: float) -> Self:
        """Return the stage with *factor* times the rate."""
        name = next(name for name in type(self).model_fields if name.endswith("_per_s"))
        rates = getattr(self, name)
        scaled = tuple(rate * factor for rate in rates) if isinstance(rates, tuple) else rates * factor
        return self.model_copy(update={name: scaled})


class Hold(BaseStage):
    """A constant rate."""

    hold_per_s: NonNegativeFloat

    def pieces(self, rate_before: float) -> Sequence[RatePiece]:  # noqa: ARG002 - it does not depend on it
        return [LinearPiece(self.for_s, self.hold_per_s, self.hold_per_s)]


class Ramp(BaseStage):
    """A rate that changes linearly from the first value to the second."""

    ramp_per_s: tuple[NonNegativeFloat, NonNegativeFloat]

    def pieces(self, rate_before: float) -> Sequence[RatePiece]:  # noqa: ARG002 - it does not depend on it
        return [LinearPiece(self.for_s, *self.ramp_per_s)]


class Steps(BaseStage):
    """A sequence of constant rates, each for an equal part of the stage."""

    steps_per_s: tuple[NonNegativeFloat, ...] = Field(min_length=1)

    def pieces(self, rate_before: float) -> Sequence[RatePiece]:  # noqa: ARG002 - it does not depend on it
        length = self.for_s / len(self.steps_per_s)
        return [LinearPiece(length, rate, rate) for rate in self.steps_per_s]


class Spike(BaseStage):
    """A rate that rises linearly from the rate before it to a peak in the middle, and falls back."""

    spike_per_s: NonNegativeFloat

    def pieces(self, rate_before: float) -> Sequence[RatePiece]:
        half = self.for_s / 2
        return [
            LinearPiece(half, rate_before, self.spike_per_s),
            LinearPiece(half, self.spike_per_s, rate_before),
        ]


class Sine(BaseStage):
    """A sine around a mean that starts upwards; the amplitude is at most the mean."""

    sine_per_s: tuple[NonNegativeFloat, NonNegativeFloat] = Field(description="Mean and amplitude.")
    period_s: PositiveFloat

    @model_validator(mode="after")
    def _not_negative(self) -> Self:
        mean, amplitude = self.sine_per_s
        if amplitude > mean:
            raise ValueError(f"the amplitude {amplitude} exceeds the mean {mean}: the rate would be negative")
        return self

    def pieces(self, rate_before: float) -> Sequence[RatePiece]:  # noqa: ARG002 - it does not depend on it
        return [SinePiece(self.for_s, *self.sine_per_s, self.period_s)]


class ArrivalTrace(BaseStage):
    """
    Recorded rates: each is valid from its time until the next one, the last until the end of the stage.

    A scenario file can name a CSV file instead, ``trace_csv``, with the columns ``at_s`` and ``rate_per_s``.
    The file is read with the scenario; the loaded scenario contains its rates.
    """

    trace_per_s: tuple[tuple[NonNegativeFloat, NonNegativeFloat], ...] = Field(
        (), description="Pairs of a time (the first is 0) and the rate from that time on."
    )
    trace_csv: str | None = Field(
        None, description="CSV file with the pairs; its path is relative to the scenario file."
    )

    def stretched(self, factor: float) -> Self:
        trace = tuple((at * factor, rate) for at, rate in self.trace_per_s)
        return super().stretched(factor).model_copy(update={"trace_per_s": trace})

    def scaled(self, factor: float) -> Self:
        return self.model_copy(
            update={"trace_per_s": tuple((at, rate * factor) for at, rate in self.trace_per_s)}
        )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        times = [at for at, _ in self.trace_per_s]
        if not times:
            raise ValueError("a trace needs at least one pair of time and rate")
        if times[0] != 0:
            raise ValueError(f"the trace starts at {times[0]} s, not at 0")
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError("the times of the trace must increase")
        return self

    def pieces(self, rate_before: float) -> Sequence[RatePiece]:  # noqa: ARG002 - it does not depend on it
        known = [(at, rate) for at, rate in self.trace_per_s if at < self.for_s]
        ends = [at for at, _ in known[1:]] + [self.for_s]
        return [LinearPiece(end - at, rate, rate) for (at, rate), end in zip(known, ends, strict=True)]


_KEYS = ("hold_per_s", "ramp_per_s", "steps_per_s", "spike_per_s", "sine_per_s", "trace_per_s", "trace_csv")


def _kind(stage: Any) -> str | None:
    """Return the kind of a stage by its keys; None if they name no kind, or several."""
    given = stage if isinstance(stage, dict) else vars(stage) if isinstance(stage, BaseStage) else {}
    kinds = {key.partition("_")[0] for key in _KEYS if key in given}
    return kinds.pop() if len(kinds) == 1 else None


ArrivalStage = Annotated[
    Annotated[Hold, Tag("hold")]
    | Annotated[Ramp, Tag("ramp")]
    | Annotated[Steps, Tag("steps")]
    | Annotated[Spike, Tag("spike")]
    | Annotated[Sine, Tag("sine")]
    | Annotated[ArrivalTrace, Tag("trace")],
    Discriminator(
        _kind,
        custom_error_type="stage",
        custom_error_message=f"Input should have exactly one of {', '.join(_KEYS)}",
    ),
]
