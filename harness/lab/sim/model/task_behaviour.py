"""
What a Task does whose resource the simulator does not know: how many work on it, what comes of it.

How long it takes is a service model (``[model.<name>]`` of the scenario), like everybody's.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

from harness.lab.workload.distributions.base_distribution import Probability


class Failing(BaseModel):
    """A way to fail: with a probability at every attempt, or for certain at the first few."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    error: str = Field(min_length=1, description="Error name the state machine can match.")
    rate: Probability = Field(0.0, description="Per attempt.")
    first_attempts: NonNegativeInt = Field(0, description="So many attempts fail for certain.")


class TaskBehaviour(BaseModel):
    """
    What a resource does.

    Attributes:
        servers: How many attempts it works on at once; None: any number.
        capacity: Attempts it takes in, those in service included; more fail with ``Capacity.Exceeded``.
        priority: JSONPath into the payload; the smallest number is served first, then who came first.
        outputs: Result of the first, second … attempt in an execution; the last one repeats.
        heartbeat_s: Between two signs of life; None: it gives none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    servers: PositiveInt | None = None
    capacity: PositiveInt | None = None
    priority: str | None = None
    outputs: Sequence[Any] = ()
    failures: Sequence[Failing] = ()
    heartbeat_s: PositiveFloat | None = None
