"""One source of arrivals in a scenario: a process and its stages."""

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from harness.lab.workload.arrivals.arrival_rate import ArrivalRate, LinearPiece, RatePiece
from harness.lab.workload.arrivals.arrival_stages import ArrivalStage
from harness.lab.workload.scenario_section import ScenarioSection

INTERVALS = 100
"""Intervals of constant rate that stand for recorded arrivals."""


class ArrivalSource(ScenarioSection):
    """One source of arrivals; the arrivals of all sources of a scenario are played."""

    process: Literal["poisson", "paced", "recorded"] = Field(
        "poisson",
        description="poisson: independent arrivals; paced: evenly spaced, with the least variance; recorded: "
        "at given times.",
    )
    stages: tuple[ArrivalStage, ...] = Field(
        (), description="Stages of the arrival rate, in order; recorded arrivals have none."
    )
    times_s: tuple[NonNegativeFloat, ...] = Field((), description="Times of recorded arrivals.")
    times_csv: str | None = Field(
        None,
        description="CSV file with the times, in a column at_s; its path is relative to the scenario file.",
    )

    @model_validator(mode="after")
    def _has_arrivals(self) -> Self:
        if self.process == "recorded":
            if not self.times_s or self.stages:
                raise ValueError("recorded arrivals need times_s or times_csv, and no stages")
        elif not self.stages or self.times_s:
            raise ValueError("a source needs at least one stage; only recorded arrivals have times")
        return self

    def rate(self, duration: float) -> ArrivalRate:
        """Return the arrival rate of the first *duration* seconds; later stages are cut off."""
        if self.process == "recorded":
            return ArrivalRate(self._recorded_pieces(duration))
        pieces: list[RatePiece] = []
        left, rate_before = duration, 0.0
        for stage in self.stages:
            stage_pieces = stage.pieces(rate_before)
            for piece in stage_pieces:
                if left > 0:
                    pieces.append(_cut(piece, left))
                left -= piece.length
            rate_before = stage_pieces[-1].rate(stage_pieces[-1].length)
        return ArrivalRate(pieces)

    def stretched(self, factor: float) -> Self:
        """
        Return the source with every stage *factor* times as long.

        Raises:
            ValueError: The arrivals are recorded, and the factor is above 1.
        """
        if self.process == "recorded":
            if factor > 1:
                raise ValueError(f"recorded arrivals end at {max(self.times_s):g} s: they cannot last longer")
            return self
        return self.model_copy(update={"stages": tuple(stage.stretched(factor) for stage in self.stages)})

    def scaled(self, factor: float) -> Self:
        """
        Return the source with *factor* times the arrivals.

        Raises:
            ValueError: The arrivals are recorded.
        """
        if self.process == "recorded" and factor != 1:
            raise ValueError("recorded arrivals have no rate that can change: replace them by stages")
        return self.model_copy(update={"stages": tuple(stage.scaled(factor) for stage in self.stages)})

    def _recorded_pieces(self, duration: float) -> list[RatePiece]:
        """Return the recorded arrivals by interval of time, as constant rates."""
        length = duration / INTERVALS
        counts = [0] * INTERVALS
        for at in self.times_s:
            if at < duration:
                # The quotient of a time just before the end may round up to the number of intervals.
                counts[min(int(at / length), INTERVALS - 1)] += 1
        return [LinearPiece(length, count / length, count / length) for count in counts]


def _cut(piece: RatePiece, length: float) -> RatePiece:
    if piece.length <= length:
        return piece
    if isinstance(piece, LinearPiece):
        return LinearPiece(length, piece.first, piece.rate(length))
    return replace(piece, length=length)
