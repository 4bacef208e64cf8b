"""The behaviour of clients between their requests: polling, repeated requests and pauses."""

from typing import Annotated

from pydantic import Field, PositiveFloat

from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.quantities import LONGEST, Duration, PositiveCount
from harness.lab.workload.scenario_section import ScenarioSection

Pause = Annotated[float, Field(ge=0.001, le=LONGEST)]
"""A pause between two requests [s]; without it simulated time would not advance."""


class Poll(ScenarioSection):
    """How a client waits until its batch is ready: it requests the status at growing intervals."""

    first_s: Pause = Field(0.5, description="Pause before the first status request.")
    factor: float = Field(1.6, ge=1, description="Factor by which each pause is longer than the one before.")
    cap_s: Pause = Field(5.0, description="Longest pause between two status requests.")
    timeout_s: PositiveFloat = Field(1800.0, le=LONGEST, description="Time after which the client gives up.")


class HttpRetry(ScenarioSection):
    """How a client repeats a request after a temporary failure."""

    max_attempts: PositiveCount = Field(3, description="Number of requests, the first one included.")
    base_s: PositiveFloat = Field(0.2, le=LONGEST, description="Pause before the second request.")
    factor: float = Field(2.0, ge=1, description="Factor by which each pause is longer than the one before.")
    cap_s: PositiveFloat = Field(5.0, le=LONGEST, description="Longest pause.")
    on: tuple[int, ...] = Field(
        (429, 502, 503, 504), description="Statuses after which a request is repeated."
    )


class ClientBehaviour(ScenarioSection):
    """The behaviour of all clients of a scenario."""

    poll: Poll = Field(Poll(), description="How a client waits until its batch is ready.")
    retry: HttpRetry = Field(HttpRetry(), description="How a client repeats a failed request.")
    think_time_s: Duration = Field(Constant(value=0), description="Pause between two steps of a flow.")
    uploads_at_once: PositiveCount = Field(
        4, description="Number of files that one client uploads in parallel."
    )
