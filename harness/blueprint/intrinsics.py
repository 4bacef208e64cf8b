"""
The intrinsic functions of a template, evaluated without AWS.

The template has the names of resources, and names give the ARNs. Three things are unknown and get
placeholders: ids that AWS generates (of a key, a secret), unless the caller gives them; parameters with
neither a value nor a default, ``<Name>``; attributes of resources that this project does not deploy,
``<LogicalId.Attribute>``.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from harness.blueprint.document import Declared, TemplateDocument, TemplateSection

_PLACEHOLDER = re.compile(r"\$\{(!?)([^}]*)\}")
_NO_VALUE = object()


@dataclass(frozen=True, slots=True)
class PseudoParameters:
    """The account and region of the stack, and what follows from them."""

    id: str
    region: str

    @property
    def partition(self) -> str:
        """Partition of the region: ``aws``, ``aws-cn`` or ``aws-us-gov``."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    @property
    def url_suffix(self) -> str:
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"


@dataclass(frozen=True, slots=True)
class Naming:
    """
    The names of one resource type.

    Attributes:
        name: Property that holds the name.
        arn_format: ARN without ``arn:<partition>:``.
        ref_is_arn: Whether ``Ref`` returns the ARN instead of the name.
    """

    name: str
    arn_format: str
    ref_is_arn: bool = False

    def arn(self, here: PseudoParameters, name: str) -> str:
        return f"arn:{here.partition}:" + self.arn_format.format(region=here.region, id=here.id, name=name)


NAMINGS: Mapping[str, Naming] = {
    "AWS::S3::Bucket": Naming("BucketName", "s3:::{name}"),
    "AWS::SQS::Queue": Naming("QueueName", "sqs:{region}:{id}:{name}"),
    "AWS::SNS::Topic": Naming("TopicName", "sns:{region}:{id}:{name}", ref_is_arn=True),
    "AWS::IAM::Role": Naming("RoleName", "iam::{id}:role/{name}"),
    "AWS::Lambda::Function": Naming("FunctionName", "lambda:{region}:{id}:function:{name}"),
    "AWS::StepFunctions::StateMachine": Naming(
        "StateMachineName", "states:{region}:{id}:stateMachine:{name}", ref_is_arn=True
    ),
    "AWS::Logs::LogGroup": Naming("LogGroupName", "logs:{region}:{id}:log-group:{name}:*"),
    "AWS::Events::Rule": Naming("Name", "events:{region}:{id}:rule/{name}"),
    "AWS::MediaConvert::Queue": Naming("Name", "mediaconvert:{region}:{id}:queues/{name}"),
    "AWS::MediaConvert::JobTemplate": Naming("Name", "mediaconvert:{region}:{id}:jobTemplates/{name}"),
    "AWS::CloudWatch::Alarm": Naming("AlarmName", "cloudwatch:{region}:{id}:alarm:{name}"),
    "AWS::CloudWatch::CompositeAlarm": Naming("AlarmName", "cloudwatch:{region}:{id}:alarm:{name}"),
    "AWS::CloudWatch::Dashboard": Naming("DashboardName", "cloudwatch::{id}:dashboard/{name}"),
    "AWS::SecretsManager::Secret": Naming(
        "Name", "secretsmanager:{region}:{id}:secret:{name}", ref_is_arn=True
    ),
    "AWS::KMS::Alias": Naming("AliasName", "kms:{region}:{id}:{name}"),
    "AWS::KMS::Key": Naming("", "kms:{region}:{id}:key/{name}"),
}


@dataclass(frozen=True, slots=True)
class Resolver:
    """
    Replaces intrinsic functions by their values.

    Attributes:
        parameters: Values from the caller; the others have the template's defaults.
        ids: Physical ids that AWS has generated, by logical id.
    """

    document: TemplateDocument
    account: PseudoParameters
    stack_name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.parameters:
            if name not in self.document.parameters:
                line = self.document.parameters.line
                raise self.document.wrong(line, f"there is no parameter {name!r} to set")
        for name in self.ids:
            if name not in self.document.resources:
                raise self.document.wrong(1, f"there is no resource {name!r} to give an id")

    @property
    def unset(self) -> tuple[str, ...]:
        """Parameters with neither a value nor a default."""
        declared = self.document.parameters.items()
        return tuple(name for name, body in declared if name not in self.parameters and "Default" not in body)

    def properties(self, declared: Declared) -> dict[str, Any]:
        """Return a resource's properties with every intrinsic function replaced."""
        resolved: dict[str, Any] = self._value(declared.properties, declared.line)
        return resolved

    def exists(self, declared: Declared) -> bool:
        """Return whether a resource exists: it has no Condition, or its Condition is true."""
        return declared.condition is None or self._condition(declared.condition, declared.line)

    def name(self, logical_id: str) -> str:
        """Return the physical name of a resource, or its logical id if AWS generates the name."""
        declared = self.document.resources[logical_id]
        if logical_id in self.ids:
            return self.ids[logical_id]
        if declared.type == "AWS::KMS::Key":
            return str(uuid5(NAMESPACE_URL, f"{self.account.id}/{self.account.region}/{logical_id}"))
        naming = NAMINGS.get(declared.type)
        given = declared.properties.get(naming.name) if naming else None
        if given is None:
            return logical_id if naming else f"<{logical_id}>"
        return str(self._value(given, declared.line))

    def arn(self, logical_id: str) -> str:
        """Return the ARN of a resource whose type is in `NAMINGS`."""
        naming = NAMINGS[self.document.resources[logical_id].type]
        name = self.name(logical_id)
        return name if name.startswith("arn:") else naming.arn(self.account, name)

    def _parameter(self, name: str) -> Any:
        body = self.document.parameters[name]
        value = self.parameters.get(name, body.get("Default", f"<{name}>"))
        if str(body.get("Type", "String")).startswith(("CommaDelimitedList", "List<")):
            return [part.strip() for part in str(value).split(",")]
        return value if isinstance(value, str) else str(value)

    def _value(self, value: Any, line: int) -> Any:
        if isinstance(value, list):
            members = (self._value(member, line) for member in value)
            return [member for member in members if member is not _NO_VALUE]
        if not isinstance(value, TemplateSection):
            return value
        line = value.line
        if len(value) == 1:
            key = next(iter(value))
            # A policy statement's Condition is a mapping; the intrinsic function Condition has a name.
            if key in _FUNCTIONS and not (key == "Condition" and isinstance(value[key], TemplateSection)):
                return _FUNCTIONS[key](self, value[key], line)
            if key.startswith("Fn::"):
                raise self.document.wrong(line, f"{key} is not supported")
        resolved = {key: self._value(member, value.lines.get(key, line)) for key, member in value.items()}
        return {key: member for key, member in resolved.items() if member is not _NO_VALUE}

    def ref(self, name: Any, line: int) -> Any:
        """Return the value of ``Ref`` to a parameter, a resource or a pseudo parameter."""
        if name in self.document.parameters:
            return self._parameter(name)
        if name in self.document.resources:
            naming = NAMINGS.get(self.document.resources[name].type)
            if self.document.resources[name].type == "AWS::SQS::Queue":
                here = self.account
                return f"https://sqs.{here.region}.{here.url_suffix}/{here.id}/{self.name(name)}"
            return self.arn(name) if naming and naming.ref_is_arn else self.name(name)
        return self._pseudo(name, line)

    def _pseudo(self, name: Any, line: int) -> Any:
        here = self.account
        stack = f"{here.region}:{here.id}:stack/{self.stack_name}"
        known: dict[str, Any] = {
            "AWS::AccountId": here.id,
            "AWS::Region": here.region,
            "AWS::Partition": here.partition,
            "AWS::URLSuffix": here.url_suffix,
            "AWS::StackName": self.stack_name,
            "AWS::StackId": f"arn:{here.partition}:cloudformation:{stack}",
            "AWS::NotificationARNs": [],
            "AWS::NoValue": _NO_VALUE,
        }
        if name in known:
            return known[name]
        # A transform (SAM) adds resources that are not in the file.
        if self.document.transformed and isinstance(name, str):
            return f"<{name}>"
        raise self.document.wrong(line, f"{name!r} is neither a parameter nor a resource")

    def _get_att(self, target: Any, line: int) -> Any:
        parts = target.split(".", 1) if isinstance(target, str) else self._value(target, line)
        if not isinstance(parts, list) or len(parts) != 2:
            raise self.document.wrong(line, "Fn::GetAtt takes a resource and an attribute")
        name, attribute = parts
        if name not in self.document.resources:
            if self.document.transformed:
                return f"<{name}.{attribute}>"
            raise self.document.wrong(line, f"{name!r} is not a resource")
        naming = NAMINGS.get(self.document.resources[name].type)
        if naming and attribute in ("Arn", "TopicArn"):
            return self.arn(name)
        if naming and attribute in ("Name", "QueueName", "TopicName", "KeyId"):
            return self.name(name)
        return f"<{name}.{attribute}>"

    def _sub(self, value: Any, line: int) -> str:
        parts: list[Any] = [value, {}] if isinstance(value, str) else self._list(value, line, "Fn::Sub", 2)
        text, extra = parts

        def replaced(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return f"${{{name}}}"
            if name in extra:
                return str(extra[name])
            return str(self._get_att(name, line) if "." in name else self.ref(name, line))

        return _PLACEHOLDER.sub(replaced, text)

    def _join(self, value: Any, line: int) -> str:
        separator, members = self._list(value, line, "Fn::Join", 2)
        return str(separator).join(str(member) for member in members)

    def _split(self, value: Any, line: int) -> list[str]:
        separator, text = self._list(value, line, "Fn::Split", 2)
        return str(text).split(str(separator))

    def _select(self, value: Any, line: int) -> Any:
        index, members = self._list(value, line, "Fn::Select", 2)
        if not isinstance(members, list):
            return f"<member {index} of {members}>"
        if not str(index).isdecimal() or int(index) >= len(members):
            raise self.document.wrong(line, f"Fn::Select asks for member {index} of {len(members)}")
        return members[int(index)]

    def _find_in_map(self, value: Any, line: int) -> Any:
        name, first, second, *_ = self._list(value, line, "Fn::FindInMap", 3)
        try:
            found = self.document.mappings[name][first][second]
        except KeyError:
            raise self.document.wrong(line, f"the mapping {name} has no {first} / {second}") from None
        return self._value(found, line)

    def _if(self, value: Any, line: int) -> Any:
        if not isinstance(value, list) or len(value) != 3:
            raise self.document.wrong(line, "Fn::If takes a condition and two values")
        name, then, otherwise = value
        return self._value(then if self._condition(name, line) else otherwise, line)

    def _condition(self, name: Any, line: int) -> bool:
        if name not in self.document.conditions:
            raise self.document.wrong(line, f"{name!r} is not a condition")
        return bool(self._value(self.document.conditions[name], line))

    def _equals(self, value: Any, line: int) -> bool:
        left, right = self._list(value, line, "Fn::Equals", 2)
        return str(left) == str(right)

    def _list(self, value: Any, line: int, function: str, length: int) -> list[Any]:
        resolved = self._value(value, line)
        if not isinstance(resolved, list) or len(resolved) < length:
            raise self.document.wrong(line, f"{function} takes {length} values")
        return resolved


_FUNCTIONS: Mapping[str, Callable[[Resolver, Any, int], Any]] = {
    "Ref": Resolver.ref,
    "Condition": Resolver._condition,
    "Fn::GetAtt": Resolver._get_att,
    "Fn::Sub": Resolver._sub,
    "Fn::Join": Resolver._join,
    "Fn::Split": Resolver._split,
    "Fn::Select": Resolver._select,
    "Fn::FindInMap": Resolver._find_in_map,
    "Fn::Base64": lambda resolver, value, line: base64.b64encode(
        str(resolver._value(value, line)).encode()
    ).decode(),
    "Fn::ImportValue": lambda resolver, value, line: f"<import {resolver._value(value, line)}>",
    "Fn::GetAZs": lambda resolver, value, line: [
        f"{resolver._value(value, line) or resolver.account.region}{letter}" for letter in "abc"
    ],
    "Fn::If": Resolver._if,
    "Fn::Equals": Resolver._equals,
    "Fn::And": lambda resolver, value, line: all(resolver._value(value, line)),
    "Fn::Or": lambda resolver, value, line: any(resolver._value(value, line)),
    "Fn::Not": lambda resolver, value, line: not resolver._list(value, line, "Fn::Not", 1)[0],
}
