"""Faults of whole processes: a part of the service is killed or paused."""

import math
from typing import Literal

from pydantic import Field

from harness.lab.workload.faults.fault_window import FaultWindow, FaultWorld, TimedFault
from harness.lab.workload.faults.time_span import TimeSpan

Part = Literal["database", "s3", "aws", "api", "worker"]
"""A part of the service; ``aws`` is the rest of AWS: queue, state machine, functions, MediaConvert."""

_NAMES = {"database": "database", "s3": "S3 process", "aws": "AWS process", "api": "API process"}


def _no_process(part: Part) -> str:
    return f"it has no {_NAMES.get(part, f'{part} process')}; play the scenario live, or rehearse it"


class ProcessKill(TimedFault):
    """A part is killed (SIGKILL), and is started again after *restart* or when the run ends."""

    action: Literal["harness:process:kill"]
    target: Part = Field(description="The part that is killed; aws is all of AWS but S3.")
    restart: TimeSpan | None = Field(
        None, description="Time until it is started again, e.g. '5 s'; without it, when the run ends."
    )

    @property
    def until(self) -> float:
        return math.inf if self.restart is None else self.at + self.restart

    def unplayable_in(self, world: FaultWorld) -> str | None:
        return _no_process(self.target) if world is FaultWorld.SIMULATED else super().unplayable_in(world)


class ProcessPause(FaultWindow):
    """A part is paused (SIGSTOP): it keeps its connections and its memory, and does nothing."""

    action: Literal["harness:process:pause"]
    target: Part = Field(description="The part that is paused; aws is all of AWS but S3.")
    lasting: TimeSpan = Field(alias="for", description="Time until it continues.")

    def unplayable_in(self, world: FaultWorld) -> str | None:
        if world is FaultWorld.REHEARSED:
            return "its processes run or are killed; play the scenario live"
        return _no_process(self.target) if world is FaultWorld.SIMULATED else super().unplayable_in(world)


ProcessFault = ProcessKill | ProcessPause
