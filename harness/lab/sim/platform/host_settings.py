"""
The machine that runs the local stack: its processors, and the processor time of each operation.

Times in seconds of model time; those of the machine are measured in clock seconds and count ``time_scale``
times.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from harness.lab.workload.distributions.quantities import LONGEST, NonNegativeCount
from harness.lab.workload.scenario_section import ScenarioSection

Seconds = Annotated[float, Field(ge=0, le=LONGEST)]
Processors = Annotated[float, Field(ge=0, le=1024)]

WORKING = ("validate", "thumbnails", "zip", "transcode")
"""Steps whose work uses processors; that of all other Tasks sleeps, and the callback is a request."""

REAL_WORK: Mapping[str, float] = dict.fromkeys(WORKING, 0.75)
"""
Processors that a real handler keeps busy.

Measured on 30 November 2026 on two processors that the stack had for itself: 4.4 s of processor time in 6.0 s
of work of 24 batches of small media. Steps could not be told apart.
"""


def _works(step: str) -> str:
    if step not in WORKING:
        raise ValueError(f"must be one of the steps {', '.join(WORKING)}")
    return step


class HostSettings(ScenarioSection):
    """
    The processors that all parts of a local stack share; AWS has no such machine.

    An operation takes as long as its latency says while the processors are free; its processor time is the
    part of it that takes longer when they are not. What a process does after the operation (processor time
    beyond the latency) delays only others.
    """

    processors: NonNegativeCount = Field(
        0, description="Processors that all parts share; 0: no operation delays another one."
    )
    request_cpu_s: Seconds = Field(0.0, description="API and database: one request. Measured.")
    object_cpu_s: Seconds = Field(0.0, description="Object store: one upload of a client. Measured.")
    message_cpu_s: Seconds = Field(0.0, description="Worker: one message. Measured.")
    transition_cpu_s: Seconds = Field(
        0.0, description="Local AWS: one state transition, with its invocation. Measured."
    )
    work_processors: Mapping[Annotated[str, AfterValidator(_works)], Processors] = Field(
        {}, description="Processors that the work of a step keeps busy, by step; modelled work sleeps: 0."
    )


def local_host(time_scale: float, processors: int, *, is_real: bool) -> dict[str, Any]:
    """
    Return the settings of the local stack on a machine.

    The times were measured on 30 November 2026 from two runs (steady and retry_storm, time scale 10) on two
    processors of an AMD EPYC that the stack had for itself; ``harness calibrate`` measures those of yours,
    except that of objects: here it is that of all objects, those of the handlers included.
    """
    return {
        "processors": processors,
        "request_cpu_s": 0.0075 * time_scale,
        "object_cpu_s": 0.0006 * time_scale,
        "message_cpu_s": 0.025 * time_scale,
        "transition_cpu_s": 0.014 * time_scale,
        "work_processors": dict(REAL_WORK) if is_real else {},
    }
