"""
The behaviour of a Task whose resource the simulator does not know: its servers, failures and results.

Its service time is a service model (``[model.<name>]`` of the scenario), as for all other Tasks.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from harness.lab.workload.distributions.base_distribution import Probability
from harness.lab.workload.distributions.quantities import LONGEST, NonNegativeCount, PositiveCount


class Failing(BaseModel):
    """One kind of failure: with a probability at every attempt, or always at the first few attempts."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    error: str = Field(min_length=1, description="Error name that the state machine can match.")
    rate: Probability = Field(0.0, description="Probability per attempt.")
    first_attempts: NonNegativeCount = Field(0, description="Number of first attempts that always fail.")


class TaskBehaviour(BaseModel):
    """
    The behaviour of a resource.

    Attributes:
        servers: Most attempts in service at once; None without a limit.
        capacity: Most attempts waiting and in service; further ones fail with ``Capacity.Exceeded``.
        priority: JSONPath into the payload; the smallest number is served first, then the first to arrive.
        outputs: Results of the first, second … attempt in an execution; the last one repeats. Fields whose
            names end in ``.$`` are paths into the payload, or intrinsic functions.
        recorded: Results in place of *outputs*, as they are: for arrival 0, 1, … those of its execution, in
            their order; after the last arrival they repeat.
        recorded_jsonl: A file with them, a line for each arrival; its path is relative to the scenario file.
        heartbeat_s: Time between two heartbeats; None: the resource sends none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    servers: PositiveCount | None = None
    capacity: PositiveCount | None = None
    priority: str | None = None
    outputs: tuple[JsonValue, ...] = ()
    recorded: tuple[tuple[JsonValue, ...], ...] = ()
    recorded_jsonl: str | None = None
    failures: tuple[Failing, ...] = ()
    heartbeat_s: Annotated[float, Field(gt=0, le=LONGEST)] | None = None
