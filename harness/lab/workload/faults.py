"""
What goes wrong on purpose. Times in seconds of model time since the run began, rates 0…1.

A new kind of fault is a new class here and a line in `Fault`; whoever injects it reads its own
kind from `Scenario.faults` and leaves the others alone.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, model_validator

from harness.lab.workload.distributions import Probability
from harness.lab.workload.quantities import Duration


class _Fault(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rate: Probability = Field(description="How often it strikes, per chance.")
    from_s: NonNegativeFloat = Field(0.0, description="When it begins.")
    until_s: NonNegativeFloat | None = Field(None, description="When it ends; none: never.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.until_s is not None and self.until_s <= self.from_s:
            raise ValueError("until_s must be after from_s")
        return self

    def active(self, at: float) -> bool:
        """Tell whether the fault can strike at a time."""
        return self.from_s <= at and (self.until_s is None or at < self.until_s)


class LambdaFault(_Fault):
    """An invocation of a function fails with an error name the state machine can match."""

    kind: Literal["lambda_error"]
    function: Literal["validate", "thumbnails", "zip", "callback-dispatch"]
    error: str = Field("Retryable", min_length=1)


class MediaConvertFault(_Fault):
    """A transcoding job ends with ERROR."""

    kind: Literal["mediaconvert_error"]


class PoisonedMessage(_Fault):
    """The queue message of a job cannot be parsed, so that it ends in the dead-letter queue."""

    kind: Literal["poisoned_message"]


class CorruptFile(_Fault):
    """A file arrives whole, checksum and all, but cannot be decoded."""

    kind: Literal["corrupt_file"]


class SlowCallback(_Fault):
    """The callback takes longer than it should."""

    kind: Literal["slow_callback"]
    delay_s: Duration


Fault = Annotated[
    LambdaFault | MediaConvertFault | PoisonedMessage | CorruptFile | SlowCallback,
    Field(discriminator="kind"),
]
