"""
The blueprint: `template.yaml` and `media_processing.asl.json`, read into resources.

The local stack, the simulator and the alarm evaluation all read it. `load_template` reads the project's own
template (or one of the same shape); `load_alarms` reads the alarms of any template.
"""

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.blueprint.alarm_resources import AlarmResource, read_alarms
from harness.blueprint.document import Declared, TemplateDocument, TemplateError, read_document
from harness.blueprint.intrinsics import NAMINGS, PseudoParameters, Resolver
from harness.blueprint.resources import (
    DeployedResource,
    DeployedStateMachine,
    LambdaFunction,
    Queue,
    TranscodingQueue,
)

TEMPLATE = Path(__file__).with_name("template.yaml")
ACCOUNT_ID = "123456789012"
REGION = "us-east-1"

STATE_MACHINE = "AWS::StepFunctions::StateMachine"

_TYPED: Mapping[str, type[DeployedResource]] = {
    "AWS::SQS::Queue": Queue,
    "AWS::Lambda::Function": LambdaFunction,
    "AWS::MediaConvert::Queue": TranscodingQueue,
    STATE_MACHINE: DeployedStateMachine,
}
_POLICIES = {
    "AWS::S3::Bucket": ("AWS::S3::BucketPolicy", "Bucket"),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues"),
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics"),
}
"""Type of the policy of a resource, and its property that names the resource."""

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")

_R = TypeVar("_R", bound=DeployedResource)


@dataclass(frozen=True, slots=True)
class Template:
    """
    Everything the template deploys.

    Attributes:
        hash: SHA-256 over the template and the state machine's definition, hexadecimal.
        unset: Parameters with neither a value nor a default; each stands as ``<Name>`` wherever it is used.
        resources: All resources that exist under the parameters, in the order of the file.
        queue, dead_letter_queue: The queue with a redrive policy, and the queue of its dead letters.
    """

    path: Path
    hash: str
    account: PseudoParameters
    given: Mapping[str, str]
    unset: tuple[str, ...]
    resources: tuple[DeployedResource, ...]
    queue: Queue
    dead_letter_queue: Queue
    functions: Mapping[str, LambdaFunction]
    state_machine: DeployedStateMachine
    media_convert_queue: TranscodingQueue
    alarms: tuple[AlarmResource, ...]

    def of_type(self, type_: str) -> list[DeployedResource]:
        """Return the resources of one type, in the order of the file."""
        return [resource for resource in self.resources if resource.type == type_]

    def single(self, type_: str) -> DeployedResource:
        """Return the resource of a type that must occur once."""
        found = self.of_type(type_)
        if len(found) != 1:
            raise TemplateError(self.path, 1, f"needs exactly one {type_}, not {len(found)}")
        return found[0]

    @property
    def roles(self) -> Mapping[str, DeployedResource]:
        """The IAM roles by name."""
        return {role.name: role for role in self.of_type("AWS::IAM::Role")}

    @property
    def bucket(self) -> DeployedResource:
        """The media bucket."""
        return self.single("AWS::S3::Bucket")

    @property
    def key(self) -> DeployedResource:
        """The KMS key; its name is its id."""
        return self.single("AWS::KMS::Key")

    @property
    def key_alias(self) -> str:
        """The alias of the KMS key."""
        return self.single("AWS::KMS::Alias").name

    @property
    def secret(self) -> DeployedResource:
        """The secret that signs callbacks."""
        return self.single("AWS::SecretsManager::Secret")

    def with_key(self, key_id: str) -> "Template":
        """Return the template with the key id that AWS has generated."""
        here = self.account
        ids = {self.key.logical_id: key_id}
        return load_template(self.path, self.given, account=here.id, region=here.region, ids=ids)


def load_template(
    path: Path = TEMPLATE,
    parameters: Mapping[str, str] | None = None,
    *,
    account: str = ACCOUNT_ID,
    region: str = REGION,
    ids: Mapping[str, str] | None = None,
) -> Template:
    """
    Read the project's template and the state machine's definition beside it.

    Args:
        parameters: Values that override the defaults.
        ids: Ids that AWS has generated, by logical id (``{"MediaKey": "…"}``); a placeholder stands
            for others.

    Raises:
        OSError: A file cannot be read.
        TemplateError: The template cannot be read or lacks a resource; the message has file and line.
    """
    key = (path, _frozen(parameters), account, region, _frozen(ids))
    if key in _known:
        known, definition = _known[key]
        if known.hash == _hash(path, definition):
            return known
    document = read_document(path)
    resolver = Resolver(document, PseudoParameters(account, region), "toq-media", parameters or {}, ids or {})
    reader = _Reader(document, resolver)
    template = reader.template()
    _known[key] = template, reader.definition_path(template.state_machine.properties)
    return template


_known: dict[Any, tuple[Template, Path]] = {}
"""Templates that were read, with their definitions: to read one takes longer than to simulate an hour."""


def _frozen(values: Mapping[str, str] | None) -> frozenset[tuple[str, str]]:
    return frozenset((values or {}).items())


def _hash(path: Path, definition: Path) -> str:
    return hashlib.sha256(path.read_bytes() + definition.read_bytes()).hexdigest()


def load_alarms(
    path: Path = TEMPLATE,
    parameters: Mapping[str, str] | None = None,
    *,
    account: str = ACCOUNT_ID,
    region: str = REGION,
) -> tuple[AlarmResource, ...]:
    """Read the alarms of any CloudFormation template; errors are those of `load_template`."""
    document = read_document(path)
    resolver = Resolver(document, PseudoParameters(account, region), path.stem, parameters or {})
    return tuple(read_alarms(document, resolver))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one template document."""

    document: TemplateDocument
    resolver: Resolver

    def template(self) -> Template:
        declared = [one for one in self.document.resources.values() if self.resolver.exists(one)]
        properties = {one.logical_id: self.resolver.properties(one) for one in declared}
        resources = tuple(self._resource(one, properties) for one in declared)
        queue, dead_letter_queue = self._queue_pair(_instances(resources, Queue))
        state_machine = self._only(resources, DeployedStateMachine)
        definition = self.definition_path(state_machine.properties)
        return Template(
            path=self.document.path,
            hash=_hash(self.document.path, definition),
            account=self.resolver.account,
            given=self.resolver.parameters,
            unset=self.resolver.unset,
            resources=resources,
            queue=queue,
            dead_letter_queue=dead_letter_queue,
            functions={function.name: function for function in _instances(resources, LambdaFunction)},
            state_machine=state_machine,
            media_convert_queue=self._only(resources, TranscodingQueue),
            alarms=tuple(read_alarms(self.document, self.resolver)),
        )

    def _only(self, resources: Sequence[DeployedResource], class_: type[_R]) -> _R:
        found = _instances(resources, class_)
        if len(found) != 1:
            raise self.document.wrong(1, f"needs exactly one {class_.__name__}, not {len(found)}")
        return found[0]

    def _resource(
        self, declared: Declared, all_properties: Mapping[str, Mapping[str, Any]]
    ) -> DeployedResource:
        properties = all_properties[declared.logical_id]
        class_ = _TYPED.get(declared.type, DeployedResource)
        for name in class_.required:
            if name not in properties:
                raise self.document.wrong(declared.line, f"{declared.logical_id} lacks {name}")
        named = declared.type in NAMINGS
        more: dict[str, Any] = {}
        if declared.type in _POLICIES:
            more["policy"] = self._policy(declared, all_properties)
        if declared.type == STATE_MACHINE:
            more["definition"] = self._definition(declared, properties)
        return class_(
            logical_id=declared.logical_id,
            type=declared.type,
            name=self.resolver.name(declared.logical_id) if named else declared.logical_id,
            arn=self.resolver.arn(declared.logical_id) if named else "",
            properties=properties,
            **more,
        )

    def _policy(
        self, declared: Declared, all_properties: Mapping[str, Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """Return the document of the policy resource that names a bucket, a queue or a topic."""
        type_, names = _POLICIES[declared.type]
        reference = self.resolver.ref(declared.logical_id, declared.line)
        for policy in (one for one in self.document.resources.values() if one.type == type_):
            properties = all_properties.get(policy.logical_id, {})
            named = properties.get(names)
            is_named = reference in named if isinstance(named, list) else reference == named
            if is_named and "PolicyDocument" in properties:
                document: Mapping[str, Any] = properties["PolicyDocument"]
                return document
        raise self.document.wrong(declared.line, f"{declared.logical_id} has no {type_}")

    def _queue_pair(self, queues: Sequence[Queue]) -> tuple[Queue, Queue]:
        """Return the queue with a redrive policy and the queue of its dead letters."""
        for queue, other in itertools.product(queues, queues):
            if queue.dead_letter_arn == other.arn:
                return queue, other
        raise self.document.wrong(1, "needs a queue whose RedrivePolicy names another queue of the template")

    def _definition(self, declared: Declared, properties: Mapping[str, Any]) -> str:
        """Return the text of the state machine's definition with every placeholder substituted."""
        source = self.definition_path(properties)
        if not source.is_file():
            problem = f"the definition {source.name} is not beside the template"
            raise self.document.wrong(declared.line, problem)
        definition = source.read_text(encoding="utf-8")
        for name, value in properties["DefinitionSubstitutions"].items():
            definition = definition.replace(f"${{{name}}}", str(value))
        if left := _PLACEHOLDER.search(definition):
            problem = f"DefinitionSubstitutions lacks {left[1]} of {source.name}"
            raise self.document.wrong(declared.line, problem)
        return definition

    def definition_path(self, properties: Mapping[str, Any]) -> Path:
        """Return the path of the file beside the template that has the name of the object in S3."""
        key = str(properties["DefinitionS3Location"]["Key"])
        return self.document.path.with_name(key.rpartition("/")[2])


def _instances(resources: Sequence[DeployedResource], class_: type[_R]) -> list[_R]:
    return [resource for resource in resources if isinstance(resource, class_)]
