"""Faults of requests to AWS, by service and operation."""

from typing import Literal, Self

from pydantic import Field, model_validator

from harness.lab.workload.faults.fault_window import FaultWorld, RandomFault
from harness.lab.workload.faults.time_span import Delay

OPERATIONS = {
    "sqs": ("SendMessage", "ReceiveMessage", "DeleteMessage"),
    "states": ("StartExecution", "DescribeExecution", "GetExecutionHistory"),
    "s3": ("GetObject", "HeadObject", "PutObject", "DeleteObject", "PutObjectTagging", "ListObjectsV2"),
}
"""The operations that the service and its functions use, by service."""


class ApiFault(RandomFault):
    """A fault of requests of one service of AWS; the requests of clients to the bucket count, too."""

    service: Literal["sqs", "states", "s3"] = Field(description="The service that is asked.")
    operations: tuple[str, ...] = Field(
        (), description="The operations, e.g. SendMessage; without them all of the service."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        known = OPERATIONS[self.service]
        for operation in self.operations:
            if operation not in known:
                others = ", ".join(known)
                raise ValueError(f"{self.service} has no operation {operation!r}; known are {others}")
        return self

    def concerns(self, service: str, operation: str) -> bool:
        """Return whether the fault can strike an operation of a service."""
        return service == self.service and operation in (self.operations or OPERATIONS[self.service])

    def unplayable_in(self, world: FaultWorld) -> str | None:
        if world is FaultWorld.SIMULATED:
            return "it makes no requests of AWS; play the scenario live, or rehearse it"
        return super().unplayable_in(world)


class ApiThrottleError(ApiFault):
    """A request is throttled."""

    action: Literal["aws:fis:inject-api-throttle-error"]


class ApiInternalError(ApiFault):
    """A request is answered with an internal error."""

    action: Literal["aws:fis:inject-api-internal-error"]


class ApiUnavailableError(ApiFault):
    """A request is answered with: service unavailable."""

    action: Literal["aws:fis:inject-api-unavailable-error"]


class ApiDelay(ApiFault):
    """A request takes longer."""

    action: Literal["harness:api:add-delay"]
    delay: Delay = Field(description="Additional time, e.g. 3 or '2 s'.")
