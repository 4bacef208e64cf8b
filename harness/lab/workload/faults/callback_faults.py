"""Faults of the callbacks, with which the functions tell the API how a job has ended."""

from typing import Literal

from pydantic import Field

from harness.lab.workload.faults.fault_window import FaultWorld, RandomFault
from harness.lab.workload.faults.time_span import Delay, TimeSpan

_IN_ORDER = "its callbacks arrive at once or are lost; play the scenario live, or rehearse it"


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


class EmptyCallback(CallbackFault):
    """A callback reaches the API without its content; the signature is that of the content."""

    action: Literal["harness:callback:empty"]


class ReorderedCallback(CallbackFault):
    """A callback waits until the next one has reached the API; its sender waits, too."""

    action: Literal["harness:callback:reorder"]
    longest: TimeSpan = Field(5.0, description="The longest time that it waits for another, e.g. 5 or '5 s'.")

    def unplayable_in(self, world: FaultWorld) -> str | None:
        return _IN_ORDER if world is FaultWorld.SIMULATED else super().unplayable_in(world)


class LateCallback(CallbackFault):
    """The sender of a callback gets an error, and the callback reaches the API later."""

    action: Literal["harness:callback:add-delay"]
    delay: Delay = Field(description="Time until it reaches the API, e.g. 30 or '2 min'.")

    def unplayable_in(self, world: FaultWorld) -> str | None:
        return _IN_ORDER if world is FaultWorld.SIMULATED else super().unplayable_in(world)
