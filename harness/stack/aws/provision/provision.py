"""
Build in a local AWS what the template describes, by direct API calls.

CloudFormation is not asked: the local stack's loses and skips resources without a word. Every call
here may be repeated: what exists already is brought to what the template says.

What the local endpoint cannot take is not passed over in silence: it is listed, with the reason, in
``Provisioned.left_out``.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.blueprint.resources import (
    EventRule,
    IamRole,
    Key,
    LambdaFunction,
    LogGroup,
    Machine,
    Queue,
    Topic,
)
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

_REFERENCE = re.compile(r"\{\{resolve:secretsmanager:[^}]*:secret:([^}:]+)\}\}")


@dataclass(frozen=True, slots=True)
class Provisioned:
    """
    What was built and where.

    Attributes:
        template: The template with the ids the endpoint drew, as everything was built from.
        left_out: What the endpoint could not take, and why.
    """

    template: Template
    queue_url: str
    dead_letter_queue_url: str
    state_machine_arn: str
    topic_arn: str
    key_arn: str
    left_out: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """
    Where a local AWS listens.

    Attributes:
        s3: Endpoint of S3, where it is not the one of all others.
    """

    aws: str
    s3: str | None = None

    def client(self, session: boto3.Session, service: str, region: str) -> Any:
        """Return a client that asks once: what fails at provisioning is a defect, not a hiccup."""
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
    Create everything *template* describes, or bring it up to date.

    Args:
        secrets: Value of each secret, by the secret's name.
        environment: Variables every function gets besides the template's, such as ``AWS_ENDPOINT_URL``.
        session: Credentials to use; without it boto3's own search.

    Raises:
        ValueError: A parameter the template needs has no value, or a secret is missing.
        ClientError: The endpoint refused a call.
    """
    _require_parameters(template)
    session = session or boto3.Session()
    region = template.account.region
    kms: KMSClient = endpoints.client(session, "kms", region)
    template = template.with_key(_key(kms, template.key))
    left_out = {BUCKET_POLICY: "moto ignores a policy's Condition, so TlsOnly would refuse every request"}

    logs: CloudWatchLogsClient = endpoints.client(session, "logs", region)
    for group in template.log_groups.values():
        _log_group(logs, group)
    iam: IAMClient = endpoints.client(session, "iam", region)
    for role in template.roles.values():
        _role(iam, role)
    provision_bucket(endpoints.client(session, "s3", region), template.bucket)
    sqs: SQSClient = endpoints.client(session, "sqs", region)
    # The dead-letter queue first: the other one's redrive policy names it.
    dead_letter_queue_url = _queue(sqs, template.dead_letter_queue)
    queue_url = _queue(sqs, template.queue)
    functions: LambdaClient = endpoints.client(session, "lambda", region)
    for function in template.functions.values():
        _function(functions, _with_environment(function, secrets, environment or {}))
    with _tolerating(left_out, MEDIA_CONVERT, "this endpoint has no MediaConvert"):
        _transcoding(endpoints.client(session, "mediaconvert", region), template)
    state_machine_arn = _state_machine(
        endpoints.client(session, "stepfunctions", region), template.state_machine
    )
    topic_arn = _topic(endpoints.client(session, "sns", region), template.topic)
    _event_rule(endpoints.client(session, "events", region), template.event_rule)
    cloudwatch: CloudWatchClient = endpoints.client(session, "cloudwatch", region)
    for alarm in template.alarms:
        if not alarm.is_composite:
            cloudwatch.put_metric_alarm(**alarm.properties)
    with _tolerating(left_out, COMPOSITE_ALARMS, "this endpoint has no PutCompositeAlarm"):
        for alarm in template.alarms:
            if alarm.is_composite:
                cloudwatch.put_composite_alarm(**alarm.properties)
    cloudwatch.put_dashboard(DashboardName=template.dashboard.name, DashboardBody=template.dashboard.body)

    return Provisioned(
        template=template,
        queue_url=queue_url,
        dead_letter_queue_url=dead_letter_queue_url,
        state_machine_arn=state_machine_arn,
        topic_arn=topic_arn,
        key_arn=template.key.arn,
        left_out=left_out,
    )


@contextmanager
def _tolerating(left_out: dict[str, str], what: str, reason: str) -> Iterator[None]:
    """Note in *left_out* what bare moto answers with a 500 because it does not know the call."""
    try:
        yield
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        left_out[what] = reason


def _require_parameters(template: Template) -> None:
    for function in template.functions.values():
        for variable, value in function.environment.items():
            for name in template.unset:
                if f"<{name}>" in value:
                    raise ValueError(f"{variable} of {function.name} needs the template's parameter {name}")


def _key(kms: "KMSClient", key: Key) -> str:
    """Return the id of the key behind the alias, made if need be."""
    policy = json.dumps(key.policy)
    try:
        key_id = kms.describe_key(KeyId=key.alias)["KeyMetadata"]["KeyId"]
        kms.put_key_policy(KeyId=key_id, PolicyName="default", Policy=policy)
    except kms.exceptions.NotFoundException:
        key_id = kms.create_key(Description=key.description, Policy=policy)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=key.alias, TargetKeyId=key_id)
    if key.rotates:
        kms.enable_key_rotation(KeyId=key_id, RotationPeriodInDays=key.rotation_days)
    return key_id


def _log_group(logs: "CloudWatchLogsClient", group: LogGroup) -> None:
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group.name)
    logs.put_retention_policy(logGroupName=group.name, retentionInDays=group.retention_days)


def _role(iam: "IAMClient", role: IamRole) -> None:
    trust = json.dumps(role.trust)
    try:
        iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=trust, Description=role.description)
    except iam.exceptions.EntityAlreadyExistsException:
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=trust)
    for name, policy in role.policies.items():
        iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=json.dumps(policy))


def _queue(sqs: "SQSClient", queue: Queue) -> str:
    """Return the URL of the queue, made or updated."""
    attributes = {
        "KmsMasterKeyId": queue.key_arn,
        "KmsDataKeyReusePeriodSeconds": str(queue.key_reuse),
        "VisibilityTimeout": str(queue.visibility_timeout),
        "ReceiveMessageWaitTimeSeconds": str(queue.wait),
        "MessageRetentionPeriod": str(queue.retention),
        "Policy": json.dumps(queue.policy),
    }
    if queue.dead_letter_arn:
        redrive = {"deadLetterTargetArn": queue.dead_letter_arn, "maxReceiveCount": queue.max_receive_count}
        attributes["RedrivePolicy"] = json.dumps(redrive)
    if queue.redrive_sources:
        allowed = {"redrivePermission": "byQueue", "sourceQueueArns": list(queue.redrive_sources)}
        attributes["RedriveAllowPolicy"] = json.dumps(allowed)
    try:
        url = sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        return sqs.create_queue(QueueName=queue.name, Attributes=attributes)["QueueUrl"]  # type: ignore[arg-type]  # the stubs want literal keys
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)  # type: ignore[arg-type]  # the stubs want literal keys
    return url


def _with_environment(
    function: LambdaFunction, secrets: Mapping[str, str], environment: Mapping[str, str]
) -> LambdaFunction:
    """Return the function with secret references replaced by their values and *environment* added."""

    def resolved(match: re.Match[str]) -> str:
        if match[1] not in secrets:
            raise ValueError(f"{function.name} needs the secret {match[1]}")
        return secrets[match[1]]

    own = {name: _REFERENCE.sub(resolved, value) for name, value in function.environment.items()}
    return replace(function, environment={**environment, **own})


def _function(functions: "LambdaClient", function: LambdaFunction) -> None:
    configuration: dict[str, Any] = {
        "FunctionName": function.name,
        "Description": function.description,
        "Runtime": function.runtime,
        "Handler": function.handler,
        "Role": function.role_arn,
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "KMSKeyArn": function.key_arn,
        "TracingConfig": {"Mode": function.tracing},
        "LoggingConfig": {"LogGroup": function.log_group},
        "Environment": {"Variables": dict(function.environment)},
    }
    architectures: Any = list(function.architectures)
    try:
        functions.create_function(**configuration, Architectures=architectures, Code={"ZipFile": _stub()})
    except functions.exceptions.ResourceConflictException:
        functions.update_function_configuration(**configuration)
    functions.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=function.reserved_concurrency
    )


def _stub() -> bytes:
    """Return a code bundle without code: the local stack runs handlers of its own process."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("README", "The local stack runs the handlers of the harness package.")
    return buffer.getvalue()


def _transcoding(mediaconvert: Any, template: Template) -> None:
    queue, job_template = template.media_convert_queue, template.job_template
    with suppress(mediaconvert.exceptions.ConflictException):
        mediaconvert.create_queue(
            Name=queue.name,
            Description=queue.description,
            PricingPlan=queue.pricing_plan,
            Status=queue.status,
            ConcurrentJobs=queue.concurrent_jobs,
        )
    with suppress(mediaconvert.exceptions.ConflictException):
        mediaconvert.create_job_template(
            Name=job_template.name,
            Description=job_template.description,
            Queue=job_template.queue_arn,
            Priority=job_template.priority,
            StatusUpdateInterval=job_template.status_update_interval,
            AccelerationSettings={"Mode": job_template.acceleration},
            Settings=job_template.settings,
        )


def _state_machine(states: "SFNClient", machine: Machine) -> str:
    """Return the ARN of the state machine, made or updated."""
    (destination,) = machine.logging["Destinations"]
    group = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]
    configuration: dict[str, Any] = {
        "definition": machine.definition,
        "roleArn": machine.role_arn,
        "loggingConfiguration": {
            "level": machine.logging["Level"],
            "includeExecutionData": machine.logging["IncludeExecutionData"],
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        },
        "tracingConfiguration": {"enabled": machine.traced},
    }
    try:
        states.describe_state_machine(stateMachineArn=machine.arn)
    except states.exceptions.StateMachineDoesNotExist:
        made = states.create_state_machine(name=machine.name, type=machine.type, **configuration)  # type: ignore[arg-type]  # the template's text
        return made["stateMachineArn"]
    states.update_state_machine(stateMachineArn=machine.arn, **configuration)
    return machine.arn


def _topic(sns: "SNSClient", topic: Topic) -> str:
    arn = sns.create_topic(Name=topic.name)["TopicArn"]
    attributes = {
        "DisplayName": topic.display_name,
        "KmsMasterKeyId": topic.key_arn,
        "Policy": json.dumps(topic.policy),
    }
    for name, value in attributes.items():
        sns.set_topic_attributes(TopicArn=arn, AttributeName=name, AttributeValue=value)
    return arn


def _event_rule(events: "EventBridgeClient", rule: EventRule) -> None:
    events.put_rule(
        Name=rule.name,
        Description=rule.description,
        EventPattern=json.dumps(rule.pattern),
        State=rule.state,  # type: ignore[arg-type]  # the template's text
    )
    targets = [{"Id": key, "Arn": arn} for key, arn in rule.targets.items()]
    answer = events.put_targets(Rule=rule.name, Targets=targets)  # type: ignore[arg-type]  # optional fields left out
    if answer["FailedEntryCount"]:
        raise ValueError(f"EventBridge refused targets of {rule.name}: {answer['FailedEntries']}")
