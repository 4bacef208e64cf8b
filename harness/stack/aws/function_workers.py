"""The workers of the local AWS: real handlers in processes and ffmpeg, or modelled handlers in threads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config

from harness.blueprint.template import load_template
from harness.lab.sim.platform.real_capacity import RealCapacity
from harness.lab.workload.scenario import Scenario, load_scenario
from harness.stack.aws.lambda_runtime.function_runtime import Fault, Runner, Threads
from harness.stack.aws.lambda_runtime.sandbox import Sandboxes
from harness.stack.aws.mediaconvert.ffmpeg_transcoder import FfmpegTranscoder
from harness.stack.aws.mediaconvert.local_mediaconvert import ON_DEMAND_SLOTS, Transcoder
from harness.stack.aws.s3.placeholder_objects import placeholder_objects
from harness.stack.modelled.fault_injection import FaultInjection, doubling_of, poison_of
from harness.stack.modelled.modelled_pipeline import ModelledPipeline
from harness.stack.modelled.run_clock import RunClock


@dataclass(frozen=True, slots=True)
class FunctionWorkers:
    """
    The work behind the functions and transcoding jobs of the local AWS, and the faults of the scenario.

    Attributes:
        transcoding_slots: Maximum number of concurrent transcoding jobs of a queue.
        poison: Changes message bodies on their way to the receiver.
        is_doubled: Says which message bodies are delivered twice.
    """

    runner: Runner
    transcoder: Transcoder
    transcoding_slots: int = ON_DEMAND_SLOTS
    fault: Fault | None = None
    poison: Callable[[str], str] | None = None
    is_doubled: Callable[[str], bool] | None = None
    run_clock: RunClock = field(default_factory=RunClock)
    scenario: Scenario | None = None


def real_workers(scenario_file: Path | None = None) -> FunctionWorkers:
    """Return handlers and a transcoder that do the work, as much at once as `RealCapacity` says."""
    scenario = load_scenario(scenario_file) if scenario_file else None
    capacity = RealCapacity.of(load_template().media_convert_queue.concurrent_jobs)
    run_clock = RunClock()
    faults = FaultInjection(scenario, run_clock.now) if scenario and scenario.faults else None
    config = Config(s3={"addressing_style": "path"}, max_pool_connections=4 * capacity.transcoding_slots)
    transcoder: Transcoder = FfmpegTranscoder(boto3.client("s3", config=config))
    return FunctionWorkers(
        runner=Sandboxes(capacity.sandboxes),
        transcoder=faults.around(transcoder) if faults else transcoder,
        transcoding_slots=capacity.transcoding_slots,
        fault=faults.function_error if faults else None,
        poison=poison_of(scenario),
        is_doubled=doubling_of(scenario),
        run_clock=run_clock,
        scenario=scenario,
    )


def modelled_workers(scenario_file: Path | None, time_scale: float) -> FunctionWorkers:
    """Return handlers and a transcoder that sleep for a scenario's service times and store placeholders."""
    scenario = load_scenario(scenario_file) if scenario_file else None
    run_clock = RunClock()
    pipeline = ModelledPipeline(
        scenario, time_scale=time_scale, objects=placeholder_objects, now=run_clock.now
    )
    return FunctionWorkers(
        runner=Threads(pipeline.handlers),
        transcoder=pipeline.transcode,
        poison=poison_of(scenario),
        is_doubled=doubling_of(scenario),
        run_clock=run_clock,
        scenario=scenario,
    )
