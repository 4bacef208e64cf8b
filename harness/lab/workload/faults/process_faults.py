"""Faults of whole processes: one is killed or paused, has a wrong clock, or a full disk."""

import math
from typing import Literal

from pydantic import Field

from harness.lab.workload.faults.fault_window import FaultWindow, FaultWorld, TimedFault
from harness.lab.workload.faults.time_span import Offset, TimeSpan

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


class ClockSkew(FaultWindow):
    """The clock of a process is wrong; the clock of the database, by which the service measures, is right."""

    action: Literal["harness:clock:skew"]
    target: Literal["api", "worker"] = Field(description="The process whose clock is wrong.")
    by: Offset = Field(description="How far it is ahead, e.g. '1 h'; '-1 h' is behind.")

    def unplayable_in(self, world: FaultWorld) -> str | None:
        return _no_process(self.target) if world is FaultWorld.SIMULATED else super().unplayable_in(world)


class FullDisk(FaultWindow):
    """The disk of a part is full: writes to files fail. What is in memory is written."""

    action: Literal["harness:disk:fill"]
    target: Literal["s3", "aws"] = Field(
        description="s3: the store of large objects; aws: the working files of functions."
    )

    def unplayable_in(self, world: FaultWorld) -> str | None:
        if world in (FaultWorld.REHEARSED, FaultWorld.SIMULATED):
            return "nothing in it is written to a disk; play the scenario live"
        return super().unplayable_in(world)


ProcessFault = ProcessKill | ProcessPause | ClockSkew | FullDisk
