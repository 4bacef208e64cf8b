"""
The resources of a template, with AWS's own properties.

The figures that the simulator needs have typed names; everything else stays in `properties` as the template
has it, for the API call that creates the resource.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class DeployedResource:
    """
    One resource of the template.

    Attributes:
        name: Physical name, or the logical id if the type has no name.
        arn: Empty if the type has no ARN.
        properties: CloudFormation's properties with every intrinsic function resolved.
        policy: Document of the separate policy resource of a bucket, a queue or a topic.
    """

    required: ClassVar[tuple[str, ...]] = ()
    """Properties without which the resource cannot be read."""

    logical_id: str
    type: str
    name: str
    arn: str
    properties: Mapping[str, Any]
    policy: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue(DeployedResource):
    """An SQS queue."""

    required = ("VisibilityTimeout",)

    @property
    def visibility_timeout(self) -> int:
        """Time a received message stays invisible [s]."""
        return int(self.properties["VisibilityTimeout"])

    @property
    def max_receive_count(self) -> int | None:
        """Receives after which a message goes to the dead-letter queue; None: it stays in this queue."""
        redrive = self.properties.get("RedrivePolicy")
        return int(redrive["maxReceiveCount"]) if redrive else None

    @property
    def dead_letter_arn(self) -> str | None:
        arn: str | None = self.properties.get("RedrivePolicy", {}).get("deadLetterTargetArn")
        return arn


@dataclass(frozen=True, slots=True)
class LambdaFunction(DeployedResource):
    """A Lambda function."""

    required = ("MemorySize", "Timeout", "ReservedConcurrentExecutions")

    @property
    def memory(self) -> int:
        """Memory of one execution environment [MB]."""
        return int(self.properties["MemorySize"])

    @property
    def timeout(self) -> int:
        """Maximum duration of an invocation [s]."""
        return int(self.properties["Timeout"])

    @property
    def reserved_concurrency(self) -> int:
        """Maximum number of concurrent invocations."""
        return int(self.properties["ReservedConcurrentExecutions"])

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables."""
        variables: Mapping[str, str] = self.properties.get("Environment", {}).get("Variables", {})
        return variables


@dataclass(frozen=True, slots=True)
class TranscodingQueue(DeployedResource):
    """A MediaConvert queue."""

    required = ("ConcurrentJobs",)

    @property
    def concurrent_jobs(self) -> int:
        """Maximum number of concurrent jobs."""
        return int(self.properties["ConcurrentJobs"])


@dataclass(frozen=True, slots=True)
class DeployedStateMachine(DeployedResource):
    """A state machine; *definition* is its ASL text with every ``${…}`` substituted."""

    required = ("DefinitionS3Location", "DefinitionSubstitutions")

    definition: str = ""
