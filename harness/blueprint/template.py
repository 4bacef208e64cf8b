"""
The blueprint: what `template.yaml` and `media_processing.asl.json` say, as typed values.

This is the one source for the local stack, the simulator and the judge. `load_template` reads the
project's own template (or one of the same shape); `load_alarms` reads the alarms of any template.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from harness.blueprint import resource_reader
from harness.blueprint.alarm_resources import AlarmResource, read_alarms
from harness.blueprint.document import Declared, Properties, TemplateDocument, read_document
from harness.blueprint.intrinsics import PseudoParameters, Resolver
from harness.blueprint.resources import (
    Bucket,
    Dashboard,
    EventRule,
    IamRole,
    JobTemplate,
    Key,
    LambdaFunction,
    LogGroup,
    Machine,
    Policy,
    Queue,
    Secret,
    Topic,
    TranscodingQueue,
)

TEMPLATE = Path(__file__).with_name("template.yaml")
ACCOUNT_ID = "123456789012"
REGION = "us-east-1"

_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_T = TypeVar("_T")
_N = TypeVar("_N", bound=_Named)


@dataclass(frozen=True, slots=True)
class Template:
    """
    Everything the template deploys.

    Attributes:
        given: Parameters as the caller gave them.
        parameters: Value of every parameter, defaults included.
        unset: Parameters with neither value nor default; they stand as ``<Name>`` wherever used.
        hash: SHA-256 over both files, hexadecimal.
    """

    path: Path
    hash: str
    account: PseudoParameters
    given: Mapping[str, str]
    parameters: Mapping[str, Any]
    unset: tuple[str, ...]
    key: Key
    bucket: Bucket
    queue: Queue
    dead_letter_queue: Queue
    functions: Mapping[str, LambdaFunction]
    roles: Mapping[str, IamRole]
    state_machine: Machine
    media_convert_queue: TranscodingQueue
    job_template: JobTemplate
    event_rule: EventRule
    topic: Topic
    log_groups: Mapping[str, LogGroup]
    secret: Secret
    alarms: tuple[AlarmResource, ...]
    dashboard: Dashboard

    def with_key(self, key_id: str) -> "Template":
        """Return the template as it reads once AWS has drawn the id of its key."""
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
    Read the project's template and the state machine beside it.

    Args:
        parameters: Values that override the defaults.
        ids: Ids AWS drew by lot, by logical id (``{"MediaKey": "…"}``); without one a stand-in is used.

    Raises:
        OSError: A file cannot be read.
        TemplateError: The template cannot be read or lacks a resource; the message has file and line.
    """
    document = read_document(path)
    resolver = Resolver(document, PseudoParameters(account, region), "toq-media", parameters or {}, ids or {})
    return _Reader(document, resolver).template()


def load_alarms(
    path: Path = TEMPLATE,
    parameters: Mapping[str, str] | None = None,
    *,
    account: str = ACCOUNT_ID,
    region: str = REGION,
) -> tuple[AlarmResource, ...]:
    """
    Read the alarms of any CloudFormation template, YAML or JSON; others only lend their names.

    Raises:
        OSError: The file cannot be read.
        TemplateError: It is no template or an alarm cannot be read; the message has file and line.
    """
    document = read_document(path)
    resolver = Resolver(document, PseudoParameters(account, region), path.stem, parameters or {})
    return tuple(read_alarms(document, resolver))


@dataclass(frozen=True, slots=True)
class _Reader:
    document: TemplateDocument
    resolver: Resolver

    def template(self) -> Template:
        queue, dead_letter_queue = self._queue_of(self._all("AWS::SQS::Queue", self._queue))
        return Template(
            path=self.document.path,
            hash=_hash(
                self.document.path, self._one("AWS::StepFunctions::StateMachine", self._definition_path)
            ),
            account=self.resolver.account,
            given=self.resolver.parameters,
            parameters={name: self.resolver.parameter(name) for name in self.document.parameters},
            unset=self.resolver.unset,
            key=self._one("AWS::KMS::Key", self._key),
            bucket=self._one("AWS::S3::Bucket", self._bucket),
            queue=queue,
            dead_letter_queue=dead_letter_queue,
            functions=_by_name(
                self._all("AWS::Lambda::Function", self._named(resource_reader.read_function))
            ),
            roles=_by_name(self._all("AWS::IAM::Role", self._named(resource_reader.read_role))),
            state_machine=self._one("AWS::StepFunctions::StateMachine", self._machine),
            media_convert_queue=self._one(
                "AWS::MediaConvert::Queue", self._named(resource_reader.read_transcoding_queue)
            ),
            job_template=self._one(
                "AWS::MediaConvert::JobTemplate", self._named(resource_reader.read_job_template)
            ),
            event_rule=self._one("AWS::Events::Rule", self._named(resource_reader.read_event_rule)),
            topic=self._one("AWS::SNS::Topic", self._topic),
            log_groups=_by_name(self._all("AWS::Logs::LogGroup", self._log_group)),
            secret=self._one("AWS::SecretsManager::Secret", self._secret),
            alarms=tuple(read_alarms(self.document, self.resolver)),
            dashboard=self._one("AWS::CloudWatch::Dashboard", self._dashboard),
        )

    def _all(self, type_: str, read: Callable[[Declared, dict[str, Any]], _T]) -> list[_T]:
        """Read every resource of a type that its Condition lets exist."""
        found = []
        for declared in self.document.of_type(type_):
            if not self.resolver.exists(declared):
                continue
            try:
                found.append(read(declared, self.resolver.properties(declared)))
            except KeyError as error:
                lacking = f"{declared.logical_id} lacks {error.args[0]}"
                raise self.document.wrong(declared.line, lacking) from None
        return found

    def _one(self, type_: str, read: Callable[[Declared, dict[str, Any]], _T]) -> _T:
        found = self._all(type_, read)
        if len(found) != 1:
            raise self.document.wrong(1, f"needs exactly one {type_}, not {len(found)}")
        return found[0]

    def _named(self, read: Callable[[Properties, str, str], _T]) -> Callable[[Declared, dict[str, Any]], _T]:
        """Give a reader the name and ARN of the resource it reads."""

        def reader(declared: Declared, properties: dict[str, Any]) -> _T:
            logical_id = declared.logical_id
            return read(properties, self.resolver.name(logical_id), self.resolver.arn(logical_id))

        return reader

    def _key(self, declared: Declared, properties: dict[str, Any]) -> Key:
        logical_id = declared.logical_id
        alias = self._one("AWS::KMS::Alias", lambda _, alias: str(alias["AliasName"]))
        return resource_reader.read_key(
            properties, logical_id, self.resolver.name(logical_id), self.resolver.arn(logical_id), alias
        )

    def _bucket(self, declared: Declared, properties: dict[str, Any]) -> Bucket:
        logical_id = declared.logical_id
        policy = self._policy("AWS::S3::BucketPolicy")
        return resource_reader.read_bucket(
            properties, self.resolver.name(logical_id), self.resolver.arn(logical_id), policy
        )

    def _queue(self, declared: Declared, properties: dict[str, Any]) -> Queue:
        logical_id = declared.logical_id
        policies = self._all("AWS::SQS::QueuePolicy", lambda _, policy: policy)
        url = self.resolver.ref(logical_id, declared.line)
        policy = next((policy["PolicyDocument"] for policy in policies if url in policy["Queues"]), None)
        if policy is None:
            raise self.document.wrong(declared.line, f"{logical_id} has no AWS::SQS::QueuePolicy")
        return resource_reader.read_queue(
            properties, self.resolver.name(logical_id), self.resolver.arn(logical_id), policy
        )

    def _topic(self, declared: Declared, properties: dict[str, Any]) -> Topic:
        logical_id = declared.logical_id
        policy = self._policy("AWS::SNS::TopicPolicy")
        return resource_reader.read_topic(
            properties, self.resolver.name(logical_id), self.resolver.arn(logical_id), policy
        )

    def _policy(self, type_: str) -> Policy:
        return self._one(type_, lambda _, properties: properties["PolicyDocument"])

    def _log_group(self, declared: Declared, properties: dict[str, Any]) -> LogGroup:
        arn = self.resolver.arn(declared.logical_id)
        return LogGroup(properties["LogGroupName"], arn, int(properties["RetentionInDays"]))

    def _secret(self, declared: Declared, properties: dict[str, Any]) -> Secret:
        return Secret(properties["Name"], self.resolver.arn(declared.logical_id))

    def _dashboard(self, _: Declared, properties: dict[str, Any]) -> Dashboard:
        return Dashboard(properties["DashboardName"], properties["DashboardBody"])

    def _queue_of(self, queues: list[Queue]) -> tuple[Queue, Queue]:
        """Return the queue with a redrive policy and the one its dead letters go to."""
        for queue in queues:
            for other in queues:
                if queue.dead_letter_arn == other.arn:
                    return queue, other
        raise self.document.wrong(1, "needs a queue whose RedrivePolicy names another queue of the template")

    def _machine(self, declared: Declared, properties: dict[str, Any]) -> Machine:
        source = self._definition_path(declared, properties)
        values = properties["DefinitionSubstitutions"]
        definition = source.read_text(encoding="utf-8")
        for name, value in values.items():
            definition = definition.replace(f"${{{name}}}", str(value))
        if left := _PLACEHOLDER.search(definition):
            raise self.document.wrong(
                declared.line, f"DefinitionSubstitutions lacks {left[1]} of {source.name}"
            )
        return Machine(
            name=properties["StateMachineName"],
            arn=self.resolver.arn(declared.logical_id),
            type=properties["StateMachineType"],
            role_arn=properties["RoleArn"],
            definition=definition,
            logging=properties["LoggingConfiguration"],
            traced=properties["TracingConfiguration"]["Enabled"],
        )

    def _definition_path(self, declared: Declared, properties: dict[str, Any]) -> Path:
        """Return the file beside the template that is named like the object AWS reads."""
        key = str(properties["DefinitionS3Location"]["Key"])
        source = self.document.path.with_name(key.rpartition("/")[2])
        if not source.is_file():
            raise self.document.wrong(
                declared.line, f"the definition {source.name} is not beside the template"
            )
        return source


def _by_name(resources: list[_N]) -> dict[str, _N]:
    return {resource.name: resource for resource in resources}


def _hash(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()
