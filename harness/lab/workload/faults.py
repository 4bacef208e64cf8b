"""
Faults that a scenario injects. Times in seconds of model time since the run began, rates 0…1.

A new kind of fault is a new class here and a line in `Fault`. The code that injects it selects its own kind
from `Scenario.faults` and ignores the others.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, model_validator

from harness.lab.workload.distributions.base_distribution import Probability
from harness.lab.workload.distributions.quantities import Duration
from harness.lab.workload.scenario_section import ScenarioSection


class _Fault(ScenarioSection):
    rate: Probability = Field(description="Probability that the fault occurs, per opportunity.")
    from_s: NonNegativeFloat = Field(0.0, description="Start of the fault.")
    until_s: NonNegativeFloat | None = Field(
        None, description="End of the fault; without it the fault lasts for the whole run."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.until_s is not None and self.until_s <= self.from_s:
            raise ValueError("until_s must be after from_s")
        return self

    def active(self, at: float) -> bool:
        """Return whether the fault can occur at a time."""
        return self.from_s <= at and (self.until_s is None or at < self.until_s)


class LambdaFault(_Fault):
    """An invocation of a function fails with an error name that the state machine can match."""

    kind: Literal["lambda_error"]
    function: Literal["validate", "thumbnails", "zip", "callback-dispatch"]
    error: str = Field("Retryable", min_length=1, description="Error name of the failure.")


class MediaConvertFault(_Fault):
    """A MediaConvert job ends with status ERROR."""

    kind: Literal["mediaconvert_error"]


class PoisonedMessage(_Fault):
    """The queue message of a job cannot be parsed, so it ends in the dead-letter queue."""

    kind: Literal["poisoned_message"]


class CorruptFile(_Fault):
    """A file arrives complete and with the right checksum, but cannot be decoded."""

    kind: Literal["corrupt_file"]


class SlowCallback(_Fault):
    """The callback takes longer than usual."""

    kind: Literal["slow_callback"]
    delay_s: Duration = Field(description="Additional time of the callback.")


Fault = Annotated[
    LambdaFault | MediaConvertFault | PoisonedMessage | CorruptFile | SlowCallback,
    Field(discriminator="kind"),
]
