"""
Any fault of a scenario: the words of AWS FIS where it has them, ``harness:…`` where it does not.

A new kind of fault is a class and a line in `Fault`. A world selects its own kinds from `Scenario.faults`;
`must_play` refuses those that it cannot play (`TimedFault.unplayable_in`).
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, TypeAdapter

from harness.lab.workload.faults.api_faults import (
    ApiDelay,
    ApiInternalError,
    ApiThrottleError,
    ApiUnavailableError,
)
from harness.lab.workload.faults.callback_faults import (
    DuplicateCallback,
    EmptyCallback,
    LateCallback,
    LostCallback,
    ReorderedCallback,
    TamperedCallback,
)
from harness.lab.workload.faults.message_faults import DuplicateMessage, PoisonedMessage
from harness.lab.workload.faults.pipeline_faults import (
    LambdaInvocationDelay,
    LambdaInvocationError,
    MediaConvertJobError,
    MediaConvertJobStuck,
)
from harness.lab.workload.faults.process_faults import ClockSkew, FullDisk, ProcessKill, ProcessPause
from harness.lab.workload.faults.upload_faults import (
    CorruptFile,
    ExpiredUploadUrl,
    MislabelledFile,
    OversizedFile,
    TruncatedFile,
)

_KINDS = {
    "lambda_error": "aws:lambda:invocation-error",
    "slow_callback": "aws:lambda:invocation-add-delay",
    "mediaconvert_error": "harness:mediaconvert:job-error",
    "poisoned_message": "harness:sqs:poison-message",
    "corrupt_file": "harness:media:corrupt-file",
}


def _in_present_words(given: object) -> object:
    """Return a fault of a file or run from before the words of FIS in the present words."""
    kind = given.get("kind") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(kind, str) or kind not in _KINDS:
        return given
    fault = dict(given)
    del fault["kind"]
    fault["action"] = _KINDS[kind]
    if kind == "slow_callback":
        fault["function"] = "callback-dispatch"
        fault["delay"] = fault.pop("delay_s", None)
    start, end = fault.pop("from_s", None) or 0.0, fault.pop("until_s", None)
    if start:
        fault["at"] = start
    if end is not None:
        if not (isinstance(start, int | float) and isinstance(end, int | float) and start < end):
            raise ValueError("until_s must be a number after from_s")
        fault["for"] = end - start
    return fault


Fault = Annotated[
    Annotated[
        LambdaInvocationError
        | LambdaInvocationDelay
        | MediaConvertJobError
        | MediaConvertJobStuck
        | PoisonedMessage
        | DuplicateMessage
        | CorruptFile
        | TruncatedFile
        | MislabelledFile
        | OversizedFile
        | ExpiredUploadUrl
        | ApiThrottleError
        | ApiInternalError
        | ApiUnavailableError
        | ApiDelay
        | LostCallback
        | DuplicateCallback
        | TamperedCallback
        | EmptyCallback
        | ReorderedCallback
        | LateCallback
        | ProcessKill
        | ProcessPause
        | ClockSkew
        | FullDisk,
        Field(discriminator="action"),
    ],
    BeforeValidator(_in_present_words),
]


_FAULT: TypeAdapter[Fault] = TypeAdapter(Fault)


def read_fault(given: Mapping[str, object]) -> Fault:
    """Return a fault of the scenario in ``run.json``."""
    return _FAULT.validate_python(given)
