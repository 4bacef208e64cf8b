"""
The parameters of the simulated platform, each with its default and the source of the default.

The ``[platform]`` table of a scenario and ``--set section.key=value`` change them. Times in seconds, rates
per second, sizes in bytes. Sources in the descriptions:

LDG   AWS Lambda developer guide, 2023-05; scaling behaviour as of 2023-11
SFN   AWS Step Functions developer guide, quotas of us-east-1, 2023-05
SQS   Amazon SQS developer guide
S3    Amazon S3 user guide, performance guidelines
LP    maxday/lambda-perf, ten cold starts a runtime, 2026-08
SF    Schmid et al., SeBS-Flow, EuroSys 2025, raw traces of AWS
BSS   bitesizedserverless.com, Serverless messaging: latency compared, 2022/23
ours  the reference service's own settings
?     an assumption without a source: vary it

Latencies published as quantiles are lognormal through p50 and p90.
"""

import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import ConfigDict, Field, ValidationError

from harness.lab.sim.platform.host_settings import HostSettings, local_host
from harness.lab.sim.platform.real_capacity import RealCapacity
from harness.lab.sim.platform.task_behaviour import TaskBehaviour
from harness.lab.workload.distributions.base_distribution import Probability
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Lognormal, Uniform
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.distributions.quantities import (
    LONGEST,
    Duration,
    KeptCount,
    NonNegativeCount,
    PositiveCount,
)
from harness.lab.workload.scenario_file import invalid_values, merged, value_of
from harness.lab.workload.scenario_section import ScenarioSection

Preset = Literal["aws", "local", "bare", "simfaas"]

Seconds = Annotated[float, Field(ge=0, le=LONGEST)]
PositiveSeconds = Annotated[float, Field(gt=0, le=LONGEST)]

Interval = Annotated[float, Field(ge=0.1, le=LONGEST)]
"""Time between repetitions [s]; 0 would stop the clock."""

PerSecond = Annotated[float, Field(ge=1e-6, le=1e9)]


class PlatformInvalid(ValueError):
    """A parameter of the platform does not exist or has an invalid value; the message names it."""


class _PlatformSection(ScenarioSection):
    model_config = ConfigDict(populate_by_name=True)


class StepFunctionsSettings(_PlatformSection):
    """Latencies and quotas of the workflow engine."""

    start_s: Duration = Field(
        Lognormal(median=0.099, sigma=0.23),
        description="StartExecution to the first state. BSS: p50 99, p90 133 ms.",
    )
    hop_s: Duration = Field(
        Lognormal(median=0.16, sigma=0.216),
        description="End of one task to the start of the next, warm. SF: p50 160, p90 211 ms.",
    )
    plain_hop_s: Duration = Field(
        Uniform(low=0.02, high=0.05), description="Into a state that does no work (Choice, Pass, …). ?"
    )
    start_bucket: PositiveCount = Field(1300, description="StartExecution at once. SFN.")
    start_per_s: PerSecond = Field(300, description="StartExecution, refill. SFN.")
    transition_bucket: PositiveCount = Field(5000, description="State transitions at once. SFN.")
    transition_per_s: PerSecond = Field(1500, description="State transitions, refill. SFN.")


class SqsSettings(_PlatformSection):
    """The queue of jobs and its dead-letter queue; None means the value of the template."""

    delivery_s: Duration = Field(
        Lognormal(median=0.0162, sigma=0.574),
        description="Sent to received by a waiting poll. BSS: p50 16.2, p90 33.8 ms.",
    )
    visibility_timeout_s: PositiveSeconds | None = Field(None, description="Template.")
    max_receive_count: PositiveCount | None = Field(None, description="Template.")
    duplicate_rate: Probability = Field(
        0.0, description="Messages delivered twice; SQS promises at least once and no rate. ?"
    )


class DispatcherSettings(_PlatformSection):
    """The worker of the service: outbox, dispatchers and reconciler."""

    threads: KeptCount = Field(2, description="Dispatchers. ours.")
    wait_s: Seconds = Field(20.0, description="Length of a long poll; an empty one is a request too. ours.")
    batch_size: Annotated[int, Field(ge=1, le=10)] = Field(10, description="Messages a receive. ours.")
    message_s: Duration = Field(
        Lognormal(median=0.03, sigma=0.4), description="Look up, start and delete one message. ?"
    )
    outbox_s: Duration = Field(
        Uniform(low=0.0, high=0.25), description="Wait in the outbox: half of its interval. ours."
    )
    dead_letter_interval_s: Interval = Field(
        5.0, description="Between two reads of the dead-letter queue. ours."
    )
    reconciler_interval_s: Interval = Field(60.0, description="Between reconciliations. ours.")
    reconcile_grace_s: Seconds = Field(120.0, description="Age below which a job is left alone. ours.")
    stuck_job_timeout_s: PositiveSeconds = Field(
        1800.0, description="Age at which a running job counts as lost. ours."
    )
    abandon_after_s: PositiveSeconds = Field(
        1800.0, description="Age at which an open upload is abandoned. ours."
    )


class LambdaSettings(_PlatformSection):
    """The environments of Lambda functions."""

    account_concurrency: PositiveCount = Field(1000, description="Invocations at once, all functions. LDG.")
    reserved_concurrency: Mapping[str, NonNegativeCount] = Field(
        {},
        description="By function name, complete or without its prefix; others have the template's.",
    )
    cold_starts: bool = Field(True, description="Whether environments are created and discarded.")
    runtime: Literal["python", "go", "rust", "node", "java", "dotnet"] = Field(
        "python", description="Determines init_s if that is not given."
    )
    init_s: Duration | None = Field(None, description="Init of a new environment, by runtime. LP, SF.")
    placement_s: Duration = Field(
        Lognormal(median=0.11, sigma=0.25), description="Download and placement before Init. SF."
    )
    cold_s: Duration | None = Field(
        None,
        description="Time of an invocation that creates its environment, in place of start-up and work; "
        "none: start-up, then the work.",
    )
    function_cold_s: Mapping[str, Duration] = Field(
        {}, description="The same for single functions, by name, complete or without its prefix."
    )
    keep_alive_s: PositiveSeconds = Field(
        600.0, description="Idle time an environment survives. 300–900 s seen."
    )
    sandboxes: KeptCount | None = Field(
        None,
        description="Invocations of a function that are worked on at once, further ones wait outside their "
        "time-out; none: no limit. Lambda has none; the local stack has one for real work.",
    )
    scale_up_bucket: PositiveCount = Field(1000, description="New environments at once, a function. LDG.")
    scale_up_per_s: PerSecond = Field(100.0, description="New environments, refill, a function. LDG.")

    def cold_time(self, names: Sequence[str]) -> Distribution | None:
        """Return the time of a cold invocation of the function with these names; None: start-up and work."""
        return next(
            (self.function_cold_s[name] for name in names if name in self.function_cold_s), self.cold_s
        )

    def start_up(self, names: Sequence[str]) -> tuple[Distribution, Distribution]:
        """Return init and placement of a new environment [s]; with a time of cold invocations it, and 0."""
        if (cold := self.cold_time(names)) is not None:
            return cold, Constant(value=0)
        return self.init_s or INIT_S[self.runtime], self.placement_s


INIT_S: Mapping[str, Distribution] = {
    "python": Lognormal(median=0.225, sigma=0.08),
    "go": Lognormal(median=0.049, sigma=0.06),
    "rust": Lognormal(median=0.017, sigma=0.3),
    "node": Lognormal(median=0.138, sigma=0.1),
    "java": Lognormal(median=0.24, sigma=0.1),
    "dotnet": Lognormal(median=0.25, sigma=0.2),
}
"""Init Duration of a minimal function from a zip. LP; Python: the 38,800 cold starts of SF."""


class MediaConvertSettings(_PlatformSection):
    """The transcoding queue."""

    slots: PositiveCount | None = Field(
        None, description="Jobs at once; by default those of the template's queue."
    )
    start_delay_s: Duration = Field(
        Constant(value=0), description="Before a job begins, in addition to fixed_s of [model.transcode]."
    )
    speed: float = Field(1.0, ge=0.001, le=1e6, description="Divides the transcoding times of the model.")
    completion_s: Duration = Field(
        Lognormal(median=0.148, sigma=0.38),
        description="End of a job to its EventBridge event. BSS: p50 148, p90 241 ms.",
    )
    create_bucket: PositiveCount | None = Field(
        None, description="CreateJob at once; none: no limit. Unpublished."
    )
    create_per_s: PerSecond = Field(2.0, description="CreateJob, refill, if it is limited. ?")


class StorageSettings(_PlatformSection):
    """Uploads and downloads, as clients see them."""

    request_s: Duration = Field(
        Lognormal(median=0.1, sigma=0.35), description="Latency of a request. S3: roughly 100–200 ms."
    )
    bytes_per_s: float | None = Field(
        5_000_000, ge=1, le=1e15, description="Bandwidth of one client for one file; none: no limit. ?"
    )


class ApiSettings(_PlatformSection):
    """The HTTP API of the service."""

    threads: KeptCount = Field(32, description="Requests handled at once. ours.")
    request_s: Duration = Field(Lognormal(median=0.008, sigma=0.5), description="Handling one request. ?")
    network_s: Duration = Field(Lognormal(median=0.04, sigma=0.3), description="Round trip of a client. ?")
    longest_wait_s: PositiveSeconds | None = Field(
        None, description="A request that would wait longer for a thread gets status 503; none: it waits."
    )
    upload_ttl_s: PositiveSeconds = Field(900.0, description="Life of an upload URL. ours.")


class Platform(_PlatformSection):
    """
    The parameters of the platform around the state machine.

    Attributes:
        behaviours: Behaviour of Tasks with unknown resources, by name of the state or of the function.
    """

    preset: Preset = "aws"
    stepfunctions: StepFunctionsSettings = StepFunctionsSettings()
    sqs: SqsSettings = SqsSettings()
    dispatcher: DispatcherSettings = DispatcherSettings()
    functions: LambdaSettings = Field(LambdaSettings(), alias="lambda")
    mediaconvert: MediaConvertSettings = MediaConvertSettings()
    s3: StorageSettings = StorageSettings()
    api: ApiSettings = ApiSettings()
    host: HostSettings = HostSettings()
    callback_s: Duration = Field(
        Lognormal(median=0.05, sigma=0.3), description="Round trip of the callback to the service. ?"
    )
    behaviours: Mapping[str, TaskBehaviour] = {}

    @classmethod
    def read(
        cls,
        given: Mapping[str, Any],
        changes: Mapping[str, Any] | None = None,
        *,
        preset: Preset | None = None,
        time_scale: float = 1.0,
        real: RealCapacity | None = None,
    ) -> Self:
        """
        Return the platform of a run.

        Args:
            given: The ``[platform]`` table of a scenario.
            changes: Values by dotted key, e.g. ``{"mediaconvert.slots": 20}``; a string is read as TOML.
            preset: The preset; by default that of *given*, else ``aws``.
            time_scale: Time scale of the live run that ``local`` represents.
            real: Capacity of ``local`` for real work; None if it is modelled.

        Raises:
            PlatformInvalid: A parameter does not exist or has an invalid value.
        """
        changes = changes or {}
        chosen = changes.get("preset") or preset or given.get("preset", "aws")
        if chosen not in (known := get_args(Preset)):
            raise PlatformInvalid(f"platform.preset must be one of {', '.join(known)}, not {chosen!r}")
        presets = {"aws": {}, "local": _local(time_scale, real), "bare": _bare(), "simfaas": _simfaas()}
        document = merged(presets[chosen], given) | {"preset": chosen}
        for key, value in changes.items():
            _set(document, key, value)
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise PlatformInvalid("; ".join(_sentences(document, error))) from None


SECTIONS = frozenset(field.alias or name for name, field in Platform.model_fields.items())
"""First parts of the keys of platform parameters."""


def _local(time_scale: float, real: RealCapacity | None) -> dict[str, Any]:
    """
    Return the parameters of the local stack: no network, no cold starts, little overhead.

    Real work is done by as many jobs and sandboxes as the machine has processors.

    The overhead was measured in clock seconds on 30 November 2026, on two processors that the stack had for
    itself (see `host_settings`); *time_scale* converts it to model seconds.
    """
    return {
        "stepfunctions": {
            "start_s": 0.01 * time_scale,
            "hop_s": 0.003 * time_scale,
            "plain_hop_s": 0.002 * time_scale,
        },
        "sqs": {"delivery_s": 0.004 * time_scale},
        "dispatcher": {
            "message_s": 0.018 * time_scale,
            # The worker divides its own intervals by the scale, so in model time they do not change.
            "outbox_s": {"distribution": "uniform", "low": 0.0, "high": 0.25},
        },
        "lambda": {"cold_starts": False} | ({"sandboxes": real.sandboxes} if real else {}),
        "mediaconvert": {"completion_s": 0.01 * time_scale}
        | ({"slots": real.transcoding_slots} if real else {}),
        "s3": {"request_s": 0.001 * time_scale, "bytes_per_s": None},
        "api": {"request_s": 0.0065 * time_scale, "network_s": 0.001 * time_scale},
        "host": local_host(time_scale, os.cpu_count() or 1, is_real=real is not None),
        "callback_s": 0.02 * time_scale,
    }


def _bare() -> dict[str, Any]:
    """Return a platform that takes no time: what is left is the state machine, service times and limits."""
    return {
        "stepfunctions": {"start_s": 0, "hop_s": 0, "plain_hop_s": 0},
        "sqs": {"delivery_s": 0},
        "dispatcher": {"message_s": 0, "outbox_s": 0},
        "lambda": {"cold_starts": False},
        "mediaconvert": {"completion_s": 0},
        "s3": {"request_s": 0, "bytes_per_s": None},
        "api": {"request_s": 0, "network_s": 0},
        "callback_s": 0,
    }


def _simfaas() -> dict[str, Any]:
    """
    Return the platform of SimFaaS: only invocations take time, and those that start cold have their own.

    The figures are those of its first example; a new environment is always allowed, up to the concurrency.

    Source:
        Mahmoudi, Khazaei: SimFaaS, a performance simulator for serverless computing platforms, CLOSER 2021.
    """
    return _bare() | {
        "lambda": {
            "cold_s": {"distribution": "exponential", "scale": 2.244},
            "keep_alive_s": 600.0,
            "scale_up_bucket": 1_000_000,
            "scale_up_per_s": 1e6,
        }
    }


def _set(document: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place = document
    for part in parents:
        inside = place.get(part)
        place[part] = dict(inside) if isinstance(inside, Mapping) else {}
        place = place[part]
    place[last] = value_of(value) if isinstance(value, str) else value


def _unknown(key: str) -> str:
    """Return the sentence on a parameter that does not exist, with the one that is close."""
    section, _, last = key.rpartition(".")
    model: Any = Platform
    for part in filter(None, section.split(".")):
        fields = {field.alias or name: field for name, field in getattr(model, "model_fields", {}).items()}
        model = fields[part].annotation if part in fields else None
    known = [field.alias or name for name, field in getattr(model, "model_fields", {}).items()]
    close = get_close_matches(last, known, n=1)
    hint = f"; did you mean {'.'.join(filter(None, (section, close[0])))}?" if close else ""
    return f"platform.{key} is not a parameter{hint}"


def _sentences(document: Mapping[str, Any], error: ValidationError) -> list[str]:
    sentences = [
        _unknown(each.key) if each.kind == "extra_forbidden" else f"platform.{each}"
        for each in invalid_values(document, error)
    ]
    # The alternatives of a union repeat each other.
    return list(dict.fromkeys(sentences))
