"""
What the template deploys, as typed values. Times are seconds, memory megabytes as Lambda counts it.

Policy documents, event patterns and transcoding settings keep AWS's own shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Policy = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """The KMS key and the alias everybody knows it by."""

    logical_id: str
    id: str
    arn: str
    alias: str
    description: str
    rotates: bool
    rotation_days: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class CorsRule:
    id: str
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed_headers: tuple[str, ...]
    max_age: int


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """
    What becomes of objects with certain tags (of all objects without any). Ages are days.

    Attributes:
        transitions: Storage class by age.
    """

    id: str
    enabled: bool
    tags: Mapping[str, str]
    transitions: tuple[tuple[int, str], ...]
    expiration_days: int | None
    noncurrent_days: int | None
    abort_multipart_days: int | None


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    arn: str
    algorithm: str
    key_arn: str
    bucket_key: bool
    versioned: bool
    public_access_block: Mapping[str, bool]
    ownership: str
    cors: tuple[CorsRule, ...]
    lifecycle: tuple[LifecycleRule, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Queue:
    """
    An SQS queue.

    Attributes:
        dead_letter_arn, max_receive_count: Where messages go that were received too often; None if nowhere.
        redrive_sources: ARNs of the queues that may use this one for their dead letters.
    """

    name: str
    arn: str
    key_arn: str
    key_reuse: int
    visibility_timeout: int
    wait: int
    retention: int
    dead_letter_arn: str | None
    max_receive_count: int | None
    redrive_sources: tuple[str, ...]
    policy: Policy


@dataclass(frozen=True, slots=True)
class LambdaFunction:
    """A Lambda function; ``environment`` may hold ``{{resolve:…}}`` references to secrets."""

    name: str
    arn: str
    description: str
    runtime: str
    architectures: tuple[str, ...]
    handler: str
    role_arn: str
    memory: int
    timeout: int
    reserved_concurrency: int
    key_arn: str
    tracing: str
    log_group: str
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class IamRole:
    name: str
    arn: str
    description: str
    trust: Policy
    policies: Mapping[str, Policy]


@dataclass(frozen=True, slots=True)
class Machine:
    """The state machine; ``definition`` is its ASL with every ``${…}`` substituted."""

    name: str
    arn: str
    type: str
    role_arn: str
    definition: str
    logging: Mapping[str, Any]
    traced: bool


@dataclass(frozen=True, slots=True)
class TranscodingQueue:
    name: str
    arn: str
    description: str
    pricing_plan: str
    status: str
    concurrent_jobs: int


@dataclass(frozen=True, slots=True)
class JobTemplate:
    name: str
    arn: str
    description: str
    queue_arn: str
    priority: int
    status_update_interval: str
    acceleration: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EventRule:
    """An EventBridge rule; ``targets`` are ARNs by id."""

    name: str
    arn: str
    description: str
    state: str
    pattern: Mapping[str, Any]
    targets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    arn: str
    display_name: str
    key_arn: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class LogGroup:
    name: str
    arn: str
    retention_days: int


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret AWS makes up; ``reference`` is how an environment names its value."""

    name: str
    arn: str

    @property
    def reference(self) -> str:
        return f"{{{{resolve:secretsmanager:{self.arn}}}}}"


@dataclass(frozen=True, slots=True)
class Dashboard:
    name: str
    body: str
