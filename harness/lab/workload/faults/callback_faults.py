"""Faults of the callbacks, with which the functions tell the API how a job has ended."""

from typing import Literal

from pydantic import Field

from harness.lab.workload.faults.fault_window import FaultWorld, RandomFault
from harness.lab.workload.faults.time_span import Delay


class CallbackFault(RandomFault):
    """A fault of callbacks on their way to the API."""


class LostCallback(CallbackFault):
    """A callback does not reach the API, and its sender gets an error."""

    action: Literal["harness:callback:lose"]


class DuplicateCallback(CallbackFault):
    """A callback reaches the API twice."""

    action: Literal["harness:callback:duplicate"]


class TamperedCallback(CallbackFault):
    """The signature of a callback is wrong."""

    action: Literal["harness:callback:tamper"]


class LateCallback(CallbackFault):
    """The sender of a callback gets an error, and the callback reaches the API later."""

    action: Literal["harness:callback:add-delay"]
    delay: Delay = Field(description="Time until it reaches the API, e.g. 30 or '2 min'.")

    def unplayable_in(self, world: FaultWorld) -> str | None:
        if world is FaultWorld.SIMULATED:
            return "its callbacks arrive at once or are lost; play the scenario live, or rehearse it"
        return super().unplayable_in(world)
