"""One source of arrivals in a scenario: a process and its stages."""

from dataclasses import replace
from typing import Literal, Self

from pydantic import Field

from harness.lab.workload.arrivals.arrival_rate import ArrivalRate, LinearPiece, RatePiece
from harness.lab.workload.arrivals.arrival_stages import ArrivalStage
from harness.lab.workload.scenario_section import ScenarioSection


class ArrivalSource(ScenarioSection):
    """One source of arrivals; the arrivals of all sources of a scenario are played."""

    process: Literal["poisson", "paced"] = Field(
        "poisson", description="poisson: independent arrivals; paced: evenly spaced, with the least variance."
    )
    stages: tuple[ArrivalStage, ...] = Field(
        min_length=1, description="Stages of the arrival rate, in order."
    )

    def rate(self, duration: float) -> ArrivalRate:
        """Return the arrival rate of the first *duration* seconds; later stages are cut off."""
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
        """Return the source with every stage *factor* times as long."""
        return self.model_copy(update={"stages": tuple(stage.stretched(factor) for stage in self.stages)})

    def scaled(self, factor: float) -> Self:
        """Return the source with *factor* times the arrivals."""
        return self.model_copy(update={"stages": tuple(stage.scaled(factor) for stage in self.stages)})


def _cut(piece: RatePiece, length: float) -> RatePiece:
    if piece.length <= length:
        return piece
    if isinstance(piece, LinearPiece):
        return LinearPiece(length, piece.first, piece.rate(length))
    return replace(piece, length=length)
