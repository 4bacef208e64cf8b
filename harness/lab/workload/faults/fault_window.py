"""What all faults of a scenario have in common: when they can occur, and which worlds can play them."""

import math
from enum import StrEnum

from pydantic import ConfigDict, Field

from harness.lab.workload.distributions.base_distribution import Probability
from harness.lab.workload.faults.time_span import Moment, TimeSpan
from harness.lab.workload.scenario_section import ScenarioSection


class FaultWorld(StrEnum):
    """Where a scenario is played."""

    LIVE = "the local stack"
    DEPLOYED = "a service at --host"
    REHEARSED = "the rehearsal"
    SIMULATED = "the simulator"


class TimedFault(ScenarioSection):
    """A fault that begins at some time. Times are model seconds since the run began."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    action: str
    at: Moment = Field(0.0, description="Start of the fault, e.g. 200 or '5 min'.")

    @property
    def until(self) -> float:
        """End of the fault; infinite if it lasts for the whole run."""
        return math.inf

    def unplayable_in(self, world: FaultWorld) -> str | None:
        """Return why a world cannot play the fault, None if it can."""
        if world is FaultWorld.DEPLOYED:
            return "the harness does not control that service; use a local stack (--stack)"
        return None


class FaultWindow(TimedFault):
    """A fault that can occur during a window of time."""

    lasting: TimeSpan | None = Field(
        None, alias="for", description="Length of the fault; without it, it lasts for the whole run."
    )

    @property
    def until(self) -> float:
        return math.inf if self.lasting is None else self.at + self.lasting

    @property
    def windowed(self) -> bool:
        """Whether the fault does not last for the whole run."""
        return bool(self.at or self.lasting)

    def active(self, at: float) -> bool:
        """Return whether the fault can occur at a time."""
        return self.at <= at < self.until


class RandomFault(FaultWindow):
    """A fault that strikes some of the opportunities in its window, drawn from the seed."""

    rate: Probability = Field(1.0, description="Probability that the fault occurs, per opportunity.")
