"""
Who works in the local AWS: real handlers in processes and ffmpeg, or modelled ones in threads.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config

from harness.lab.workload.scenario import Scenario, load_scenario
from harness.stack.aws.lambda_runtime.function_runtime import Fault, Runner, Threads
from harness.stack.aws.lambda_runtime.sandbox import Sandboxes
from harness.stack.aws.mediaconvert.ffmpeg_transcoder import FfmpegTranscoder
from harness.stack.aws.mediaconvert.local_mediaconvert import ON_DEMAND_SLOTS, Transcoder
from harness.stack.aws.s3.placeholder_objects import placeholder_objects
from harness.stack.modelled.fault_injection import InjectedFault, function_fault, poison_of, untroubled
from harness.stack.modelled.modelled_pipeline import ModelledPipeline
from harness.stack.modelled.run_clock import RunClock

FEWEST_SANDBOXES = 2


@dataclass(frozen=True, slots=True)
class FunctionWorkers:
    """
    What the local AWS lends its functions, queues and jobs to.

    Attributes:
        transcoding_slots: The most transcoding jobs at once of a queue.
        fault: What strikes calls of functions on purpose.
        poison: Changes message bodies on their way to the receiver, if anything does.
        run_clock: From when windows of faults count.
    """

    runner: Runner
    transcoder: Transcoder
    transcoding_slots: int = ON_DEMAND_SLOTS
    fault: Fault = untroubled
    poison: Callable[[str], str] | None = None
    run_clock: RunClock = field(default_factory=RunClock)


def real(scenario_file: Path | None = None) -> FunctionWorkers:
    """Return handlers and a transcoder that do the work, as many at once as there are processors."""
    scenario = _load(scenario_file)
    processors = os.cpu_count() or 1
    run_clock = RunClock()
    trouble = InjectedFault(scenario, run_clock.now) if scenario and scenario.faults else None
    transcoder: Transcoder = FfmpegTranscoder(
        boto3.client(
            "s3", config=Config(s3={"addressing_style": "path"}, max_pool_connections=4 * processors)
        )
    )
    return FunctionWorkers(
        runner=Sandboxes(max(FEWEST_SANDBOXES, processors)),
        transcoder=trouble.around(transcoder) if trouble else transcoder,
        transcoding_slots=processors,
        fault=function_fault(trouble),
        poison=poison_of(scenario),
        run_clock=run_clock,
    )


def modelled(scenario_file: Path | None, time_scale: float) -> FunctionWorkers:
    """Return handlers and a transcoder that take the time a scenario says, and leave placeholders."""
    scenario = _load(scenario_file)
    run_clock = RunClock()
    pipeline = ModelledPipeline(
        scenario, time_scale=time_scale, objects=placeholder_objects, now=run_clock.now
    )
    return FunctionWorkers(
        runner=Threads(pipeline.handlers),
        transcoder=pipeline.transcode,
        poison=poison_of(scenario),
        run_clock=run_clock,
    )


def _load(path: Path | None) -> Scenario | None:
    return load_scenario(path) if path else None
