"""
The template's resources, created in a local AWS by direct API calls.

CloudFormation is not used, because the local one loses or skips some resources without an error. Every call
may be repeated: a resource that exists is updated to the template. Properties go to the API as the template
has them; only names that the API spells differently are changed.

What the local endpoint does not support is listed with the reason in ``Provisioned.left_out``.
"""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.blueprint.resources import DeployedResource, DeployedStateMachine, LambdaFunction, Queue
from harness.blueprint.template import Template
from harness.stack.aws.provision.media_bucket import provision_bucket

if TYPE_CHECKING:
    from types_boto3_cloudwatch import CloudWatchClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_iam import IAMClient
    from types_boto3_kms import KMSClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_logs import CloudWatchLogsClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient
    from types_boto3_stepfunctions import SFNClient

BUCKET_POLICY = "bucket policy"
COMPOSITE_ALARMS = "composite alarms"
MEDIA_CONVERT = "MediaConvert"


@dataclass(frozen=True, slots=True)
class Provisioned:
    """
    The provisioned account.

    Attributes:
        template: The template with the ids that the endpoint has generated.
        left_out: What the endpoint does not support, with the reason.
    """

    template: Template
    queue_url: str
    dead_letter_queue_url: str
    state_machine_arn: str
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of a local AWS; *s3* if S3 has another address than the other services."""

    aws: str
    s3: str | None = None

    def client(self, session: boto3.Session, service: str, region: str) -> Any:
        """Return a client without retries: a call that fails while provisioning is a defect."""
        url = self.s3 if service == "s3" and self.s3 else self.aws
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return session.client(service, region_name=region, endpoint_url=url, config=config)  # type: ignore[call-overload]  # the stubs want a literal


def provision(
    template: Template,
    endpoints: Endpoints,
    *,
    secrets: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
    session: boto3.Session | None = None,
) -> Provisioned:
    """
    Create everything in *template*, or update it.

    Args:
        secrets: Value of each secret, by the secret's name.
        environment: Variables that every function gets in addition to the template's, such as
            ``AWS_ENDPOINT_URL``.
        session: Credentials to use; boto3's own search by default.

    Raises:
        ValueError: A parameter that the template needs has no value, or a secret is missing.
        ClientError: The endpoint refused a call.
    """
    _require_parameters(template)
    session = session or boto3.Session()

    def client(service: str) -> Any:
        return endpoints.client(session, service, template.account.region)

    template = template.with_key(_key(client("kms"), template))
    left_out = {BUCKET_POLICY: "moto ignores a policy's Condition, so TlsOnly would refuse every request"}
    _log_groups(client("logs"), template)
    _roles(client("iam"), template)
    provision_bucket(client("s3"), template.bucket)
    _secret(client("secretsmanager"), template, secrets)
    # The dead-letter queue first: the redrive policy of the other queue names it.
    dead_letter_queue_url = _queue(client("sqs"), template.dead_letter_queue)
    queue_url = _queue(client("sqs"), template.queue)
    for function in template.functions.values():
        variables = {**(environment or {}), **function.environment}
        _function(client("lambda"), function, variables)
    with _tolerating(left_out, MEDIA_CONVERT, "this endpoint has no MediaConvert"):
        _transcoding(client("mediaconvert"), template)
    state_machine_arn = _state_machine(client("stepfunctions"), template.state_machine)
    _topic(client("sns"), template.single("AWS::SNS::Topic"))
    for rule in template.of_type("AWS::Events::Rule"):
        _event_rule(client("events"), rule)
    for permission in template.of_type("AWS::Lambda::Permission"):
        _permission(client("lambda"), permission)
    _alarms(client("cloudwatch"), template, left_out)
    return Provisioned(template, queue_url, dead_letter_queue_url, state_machine_arn, left_out)


def _require_parameters(template: Template) -> None:
    for function in template.functions.values():
        for variable, value in function.environment.items():
            for name in template.unset:
                if f"<{name}>" in value:
                    raise ValueError(f"{variable} of {function.name} needs the template's parameter {name}")


@contextmanager
def _tolerating(left_out: dict[str, str], what: str, reason: str) -> Iterator[None]:
    """Record in *left_out* a call that bare moto does not know; it answers those with status 500."""
    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        left_out[what] = reason


def _key(kms: "KMSClient", template: Template) -> str:
    """Create the key and its alias, or update the key; return the id of the key."""
    alias, properties = template.key_alias, template.key.properties
    policy = json.dumps(properties["KeyPolicy"])
    try:
        key_id = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
        kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=policy)
    except kms.exceptions.NotFoundException:
        key_id = kms.create_key(Description=properties["Description"], Policy=policy)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    if properties["EnableKeyRotation"]:
        kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=int(properties["RotationPeriodInDays"]))
    return key_id


def _log_groups(logs: "CloudWatchLogsClient", template: Template) -> None:
    for group in template.of_type("AWS::Logs::LogGroup"):
        with suppress(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName=group.name)
        logs.put_retention_policy(
            logGroupName=group.name, retentionInDays=int(group.properties["RetentionInDays"])
        )


def _roles(iam: "IAMClient", template: Template) -> None:
    for role in template.roles.values():
        trust = json.dumps(role.properties["AssumeRolePolicyDocument"])
        description = role.properties.get("Description", "")
        try:
            iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust, Description=description)
        except iam.exceptions.EntityAlreadyExistsException:
            iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
        for policy in role.properties["Policies"]:
            iam.put_role_policy(
                RoleName=role.name,
                PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"]),
            )


def _queue(sqs: "SQSClient", queue: Queue) -> str:
    """Create or update a queue; return its URL."""
    attributes: Any = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in {**queue.properties, "Policy": queue.policy}.items()
        if name != "QueueName"
    }
    try:
        url = sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return sqs.create_queue(QueueName=queue.name, Attributes=attributes)["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url


def _secret(manager: Any, template: Template, values: Mapping[str, str]) -> None:
    """Create the secret, or give it its value."""
    secret = template.secret
    if secret.name not in values:
        raise ValueError(f"the template needs the secret {secret.name}")
    try:
        manager.create_secret(
            Name=secret.name,
            Description=secret.properties["Description"],
            KmsKeyId=template.key.arn,
            SecretString=values[secret.name],
        )
    except manager.exceptions.ResourceExistsException:
        manager.put_secret_value(SecretId=secret.name, SecretString=values[secret.name])


def _function(functions: "LambdaClient", function: LambdaFunction, variables: Mapping[str, str]) -> None:
    configuration: dict[str, Any] = {**function.properties}
    architectures = configuration.pop("Architectures")
    configuration["KMSKeyArn"] = configuration.pop("KmsKeyArn")
    for name in ("Code", "ReservedConcurrentExecutions"):
        del configuration[name]
    configuration |= {
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Environment": {"Variables": variables},
    }
    try:
        functions.create_function(
            **configuration, Architectures=architectures, Code={"ZipFile": _empty_bundle()}
        )
    except functions.exceptions.ResourceConflictException:
        functions.update_function_configuration(**configuration)
    functions.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=function.reserved_concurrency
    )


def _empty_bundle() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("README", "The local stack runs the handlers of the harness package.")
    return buffer.getvalue()


def _transcoding(mediaconvert: Any, template: Template) -> None:
    queue = template.media_convert_queue
    with suppress(mediaconvert.exceptions.ConflictException):
        mediaconvert.create_queue(**{**queue.properties, "ConcurrentJobs": queue.concurrent_jobs})
    job_template = {**template.single("AWS::MediaConvert::JobTemplate").properties}
    job_template["Settings"] = job_template.pop("SettingsJson")
    with suppress(mediaconvert.exceptions.ConflictException):
        mediaconvert.create_job_template(**job_template)


def _state_machine(states: "SFNClient", machine: DeployedStateMachine) -> str:
    """Create or update the state machine; return its ARN."""
    properties = machine.properties
    configuration: dict[str, Any] = {
        "definition": machine.definition,
        "roleArn": properties["RoleArn"],
        "loggingConfiguration": _camel_case(properties["LoggingConfiguration"]),
        "tracingConfiguration": _camel_case(properties["TracingConfiguration"]),
    }
    try:
        states.describe_state_machine(stateMachineArn=machine.arn)
    except states.exceptions.StateMachineDoesNotExist:
        created = states.create_state_machine(
            name=machine.name, type=properties["StateMachineType"], **configuration
        )
        return created["stateMachineArn"]
    states.update_state_machine(stateMachineArn=machine.arn, **configuration)
    return machine.arn


def _camel_case(value: Any) -> Any:
    """Return properties with the first letter of every name in lower case, as in the Step Functions API."""
    if isinstance(value, Mapping):
        return {name[0].lower() + name[1:]: _camel_case(member) for name, member in value.items()}
    return [_camel_case(member) for member in value] if isinstance(value, list) else value


def _topic(sns: "SNSClient", topic: DeployedResource) -> None:
    arn = sns.create_topic(Name=topic.name)["TopicArn"]
    attributes = {
        "DisplayName": topic.properties["DisplayName"],
        "KmsMasterKeyId": topic.properties["KmsMasterKeyId"],
        "Policy": json.dumps(topic.policy),
    }
    for name, value in attributes.items():
        sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)


def _event_rule(events: "EventBridgeClient", rule: DeployedResource) -> None:
    configuration: dict[str, Any] = {**rule.properties}
    targets = configuration.pop("Targets")
    configuration["EventPattern"] = json.dumps(configuration["EventPattern"])
    events.put_rule(**configuration)
    answer = events.put_targets(Rule=rule.name, Targets=targets)
    if answer["FailedEntryCount"]:
        raise ValueError(f"EventBridge refused targets of {rule.name}: {answer['FailedEntries']}")


def _permission(functions: "LambdaClient", permission: DeployedResource) -> None:
    name = permission.properties["FunctionName"]
    # moto adds a statement that exists a second time.
    with suppress(functions.exceptions.ResourceNotFoundException):
        policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
        if permission.logical_id in [statement["Sid"] for statement in policy["Statement"]]:
            return
    functions.add_permission(StatementId=permission.logical_id, **permission.properties)


def _alarms(cloudwatch: "CloudWatchClient", template: Template, left_out: dict[str, str]) -> None:
    """Create or update the alarms and the dashboard."""
    for alarm in template.alarms:
        if not alarm.is_composite:
            cloudwatch.put_metric_alarm(**alarm.properties)
    with _tolerating(left_out, COMPOSITE_ALARMS, "this endpoint has no PutCompositeAlarm"):
        for alarm in template.alarms:
            if alarm.is_composite:
                cloudwatch.put_composite_alarm(**alarm.properties)
    dashboard = template.single("AWS::CloudWatch::Dashboard").properties
    cloudwatch.put_dashboard(**dashboard)
