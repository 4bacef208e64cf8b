"""Faults of the pipeline's functions and of MediaConvert."""

from typing import Literal

from pydantic import Field

from harness.lab.workload.faults.fault_window import RandomFault
from harness.lab.workload.faults.time_span import Delay

PipelineFunction = Literal["validate", "thumbnails", "zip", "callback-dispatch"]


class LambdaInvocationError(RandomFault):
    """An invocation of a function fails with an error name that the state machine can match."""

    action: Literal["aws:lambda:invocation-error"]
    function: PipelineFunction
    error: str = Field("Retryable", min_length=1, description="Error name of the failure.")


class LambdaInvocationDelay(RandomFault):
    """An invocation takes longer; a delay beyond the time-out of the function is a time-out."""

    action: Literal["aws:lambda:invocation-add-delay"]
    function: PipelineFunction
    delay: Delay = Field(description="Additional time, e.g. 3 or '2 min'.")


class MediaConvertJobError(RandomFault):
    """A MediaConvert job ends with status ERROR."""

    action: Literal["harness:mediaconvert:job-error"]


class MediaConvertJobStuck(RandomFault):
    """A MediaConvert job stays in progress and never ends, so that the time-out of its execution decides."""

    action: Literal["harness:mediaconvert:job-stuck"]
