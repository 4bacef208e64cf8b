"""
The parameters of the simulated platform: every one with its default and where that comes from.

A scenario's ``[platform]`` table and ``--set section.key=value`` change them. Times in seconds, rates per
second, sizes in bytes. Sources in the descriptions:

LDG   AWS Lambda developer guide, 2023-05; scaling behaviour as of 2023-11
SFN   AWS Step Functions developer guide, quotas of us-east-1, 2023-05
SQS   Amazon SQS developer guide
S3    Amazon S3 user guide, performance guidelines
LP    maxday/lambda-perf, ten cold starts a runtime, 2026-08
SF    Schmid et al., SeBS-Flow, EuroSys 2025, raw traces of AWS
BSS   bitesizedserverless.com, Serverless messaging: latency compared, 2022/23
ours  the reference service's own settings
?     an assumption: no source was found, so vary it

Latencies published as quantiles are lognormal through p50 and p90.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
)

from harness.lab.sim.model.task_behaviour import TaskBehaviour
from harness.lab.workload.distributions.base_distribution import Probability
from harness.lab.workload.distributions.constant import Constant
from harness.lab.workload.distributions.continuous import Lognormal, Uniform
from harness.lab.workload.distributions.distribution import Distribution
from harness.lab.workload.distributions.quantities import LONGEST, Duration
from harness.lab.workload.scenario_file import invalid_values, merged, value_of

Preset = Literal["aws", "local"]

Seconds = Annotated[float, Field(ge=0, le=LONGEST)]
PositiveSeconds = Annotated[float, Field(gt=0, le=LONGEST)]

Interval = Annotated[float, Field(ge=0.1, le=LONGEST)]
"""Of what is done again and again: without a pause the clock would stand still [s]."""

PerSecond = Annotated[float, Field(ge=1e-6, le=1e9)]

_AT_ONCE = Constant(value=0)


class PlatformInvalid(ValueError):
    """A parameter of the platform does not exist or makes no sense; says which."""


class _PlatformSection(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class StepFunctionsSettings(_PlatformSection):
    """How fast the workflow engine goes from state to state, and how much it takes on."""

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
    start_bucket: PositiveInt = Field(1300, description="StartExecution at once. SFN.")
    start_per_s: PerSecond = Field(300, description="StartExecution, refill. SFN.")
    transition_bucket: PositiveInt = Field(5000, description="State transitions at once. SFN.")
    transition_per_s: PerSecond = Field(1500, description="State transitions, refill. SFN.")


class SqsSettings(_PlatformSection):
    """The queue of jobs and its dead letters; None takes the template's value."""

    delivery_s: Duration = Field(
        Lognormal(median=0.0162, sigma=0.574),
        description="Sent to received by a waiting poll. BSS: p50 16.2, p90 33.8 ms.",
    )
    visibility_timeout_s: PositiveSeconds | None = Field(None, description="Template.")
    max_receive_count: PositiveInt | None = Field(None, description="Template.")
    duplicate_rate: Probability = Field(
        0.0, description="Messages delivered twice; SQS promises at least once and no rate. ?"
    )


class DispatcherSettings(_PlatformSection):
    """The worker of the service: sends, receives, starts, repairs."""

    threads: PositiveInt = Field(2, description="Dispatchers. ours.")
    wait_s: Seconds = Field(20.0, description="Long poll; an empty one is a request all the same. ours.")
    batch_size: Annotated[int, Field(ge=1, le=10)] = Field(10, description="Messages a receive. ours.")
    message_s: Duration = Field(
        Lognormal(median=0.03, sigma=0.4), description="Look up, start and delete one message. ?"
    )
    outbox_s: Duration = Field(
        Uniform(low=0.0, high=0.25), description="Wait in the outbox: half of its interval. ours."
    )
    dead_letter_interval_s: Interval = Field(5.0, description="Between looks at the dead letters. ours.")
    reconciler_interval_s: Interval = Field(60.0, description="Between reconciliations. ours.")
    reconcile_grace_s: Seconds = Field(120.0, description="Age below which a job is left alone. ours.")
    stuck_job_timeout_s: PositiveSeconds = Field(
        1800.0, description="When a running job counts as lost. ours."
    )
    abandon_after_s: PositiveSeconds = Field(1800.0, description="When an open upload is given up. ours.")


class LambdaSettings(_PlatformSection):
    """Where functions run."""

    account_concurrency: PositiveInt = Field(1000, description="Invocations at once, all functions. LDG.")
    reserved_concurrency: Mapping[str, NonNegativeInt] = Field(
        {}, description="By function name, whole or without its prefix; others have the template's."
    )
    cold_starts: bool = Field(True, description="Whether environments are made and thrown away.")
    runtime: Literal["python", "go", "rust", "node", "java", "dotnet"] = Field(
        "python", description="Decides init_s where that is not given."
    )
    init_s: Duration | None = Field(None, description="Init of a new environment, by runtime. LP, SF.")
    placement_s: Duration = Field(
        Lognormal(median=0.11, sigma=0.25), description="Download and placement before Init. SF."
    )
    keep_alive_s: PositiveSeconds = Field(
        600.0, description="Idle time an environment survives. 300–900 s seen."
    )
    scale_up_bucket: PositiveInt = Field(1000, description="New environments at once, a function. LDG.")
    scale_up_per_s: PerSecond = Field(100.0, description="New environments, refill, a function. LDG.")

    @property
    def init(self) -> Distribution:
        return self.init_s or INIT_S[self.runtime]


INIT_S: Mapping[str, Distribution] = {
    "python": Lognormal(median=0.225, sigma=0.08),
    "go": Lognormal(median=0.049, sigma=0.06),
    "rust": Lognormal(median=0.017, sigma=0.3),
    "node": Lognormal(median=0.138, sigma=0.1),
    "java": Lognormal(median=0.24, sigma=0.1),
    "dotnet": Lognormal(median=0.25, sigma=0.2),
}
"""Init Duration of a minimal function from a zip. LP; Python from the 38,800 cold starts of SF."""


class MediaConvertSettings(_PlatformSection):
    """The transcoding queue."""

    slots: PositiveInt | None = Field(None, description="Jobs at once; else what the template's queue says.")
    start_delay_s: Duration = Field(
        _AT_ONCE, description="Before a job begins, beyond what [model.transcode] fixed_s says."
    )
    speed: float = Field(1.0, ge=0.001, le=1e6, description="Divides the transcoding times of the model.")
    completion_s: Duration = Field(
        Lognormal(median=0.148, sigma=0.38),
        description="End of a job to its EventBridge event. BSS: p50 148, p90 241 ms.",
    )
    create_bucket: PositiveInt | None = Field(
        None, description="CreateJob at once; none: not limited. Unpublished."
    )
    create_per_s: PerSecond = Field(2.0, description="CreateJob, refill, if it is limited. ?")


class StorageSettings(_PlatformSection):
    """Uploads and downloads as clients see them."""

    request_s: Duration = Field(
        Lognormal(median=0.1, sigma=0.35), description="Latency of a request. S3: roughly 100–200 ms."
    )
    bytes_per_s: float | None = Field(
        5_000_000, ge=1, le=1e15, description="One client's bandwidth for one file; none: unlimited. ?"
    )


class ApiSettings(_PlatformSection):
    """The service's HTTP door."""

    threads: PositiveInt = Field(32, description="Requests handled at once. ours.")
    request_s: Duration = Field(Lognormal(median=0.008, sigma=0.5), description="Handling one request. ?")
    network_s: Duration = Field(Lognormal(median=0.04, sigma=0.3), description="Round trip of a client. ?")
    longest_wait_s: PositiveSeconds | None = Field(
        None, description="A request that would wait longer for a thread is answered 503; none: it waits."
    )
    upload_ttl_s: PositiveSeconds = Field(900.0, description="Life of an upload URL. ours.")


class Platform(_PlatformSection):
    """
    Everything around the state machine.

    Attributes:
        behaviours: What Tasks of unknown resources do, by name of the state or of the function.
    """

    preset: Preset = "aws"
    stepfunctions: StepFunctionsSettings = StepFunctionsSettings()
    sqs: SqsSettings = SqsSettings()
    dispatcher: DispatcherSettings = DispatcherSettings()
    functions: LambdaSettings = Field(LambdaSettings(), alias="lambda")
    mediaconvert: MediaConvertSettings = MediaConvertSettings()
    s3: StorageSettings = StorageSettings()
    api: ApiSettings = ApiSettings()
    callback_s: Duration = Field(
        Lognormal(median=0.05, sigma=0.3), description="The callback's way to the service and back. ?"
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
    ) -> Self:
        """
        Return the platform of a run.

        Args:
            given: A scenario's ``[platform]``.
            changes: Values by dotted key, e.g. ``{"mediaconvert.slots": 20}``; text is read as TOML.
            preset: Where it plays; else what *given* says, else ``aws``.
            time_scale: Of the live run that ``local`` stands for: its overhead is in clock seconds.

        Raises:
            PlatformInvalid: A parameter does not exist or makes no sense.
        """
        changes = changes or {}
        chosen = changes.get("preset") or preset or given.get("preset", "aws")
        if chosen not in ("aws", "local"):
            raise PlatformInvalid(f"platform.preset is aws or local, not {chosen!r}")
        document = merged(_local(time_scale) if chosen == "local" else {}, given) | {"preset": chosen}
        for key, value in changes.items():
            _set(document, key, value)
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise PlatformInvalid("; ".join(_sentences(document, error))) from None


SECTIONS = frozenset(field.alias or name for name, field in Platform.model_fields.items())
"""What the keys of the platform begin with."""


def _local(time_scale: float) -> dict[str, Any]:
    """
    Return what the local stack is like: no network, no cold starts, next to no overhead.

    Its overhead, measured in clock seconds on a small machine, weighs more the faster the model runs.
    """
    tick = time_scale
    return {
        "stepfunctions": {"start_s": 0.01 * tick, "hop_s": 0.008 * tick, "plain_hop_s": 0.002 * tick},
        "sqs": {"delivery_s": 0.004 * tick},
        "dispatcher": {
            "message_s": 0.02 * tick,
            # The worker divides its own intervals by the scale: in model time they are what they were.
            "outbox_s": {"distribution": "uniform", "low": 0.0, "high": 0.25},
        },
        "lambda": {"cold_starts": False},
        "mediaconvert": {"completion_s": 0.01 * tick},
        "s3": {"request_s": 0.008 * tick, "bytes_per_s": None},
        "api": {"request_s": 0.008 * tick, "network_s": 0.001 * tick},
        "callback_s": 0.02 * tick,
    }


def _set(document: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place = document
    for part in parents:
        inside = place.get(part)
        place[part] = dict(inside) if isinstance(inside, Mapping) else {}
        place = place[part]
    place[last] = value_of(value) if isinstance(value, str) else value


def _sentences(document: Mapping[str, Any], error: ValidationError) -> list[str]:
    found: dict[str, None] = {}
    for each in invalid_values(document, error):
        unknown = each.kind == "extra_forbidden"
        found[f"platform.{each.key} is not a parameter" if unknown else f"platform.{each}"] = None
    return list(found)
