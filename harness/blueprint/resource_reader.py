"""
From the resolved properties of a resource to its typed value.

Every reader raises KeyError with the name of a property the project cannot do without.
"""

from collections.abc import Mapping
from typing import Any

from harness.blueprint.resources import (
    Bucket,
    CorsRule,
    EventRule,
    IamRole,
    JobTemplate,
    Key,
    LambdaFunction,
    LifecycleRule,
    Policy,
    Queue,
    Topic,
    TranscodingQueue,
)

Properties = Mapping[str, Any]


def read_key(properties: Properties, logical_id: str, key_id: str, arn: str, alias: str) -> Key:
    return Key(
        logical_id=logical_id,
        id=key_id,
        arn=arn,
        alias=alias,
        description=properties["Description"],
        rotates=properties["EnableKeyRotation"],
        rotation_days=int(properties["RotationPeriodInDays"]),
        policy=properties["KeyPolicy"],
    )


def read_bucket(properties: Properties, name: str, arn: str, policy: Policy) -> Bucket:
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = encryption["ServerSideEncryptionByDefault"]
    return Bucket(
        name=name,
        arn=arn,
        algorithm=default["SSEAlgorithm"],
        key_arn=default["KMSMasterKeyID"],
        bucket_key=encryption["BucketKeyEnabled"],
        versioned=properties["VersioningConfiguration"]["Status"] == "Enabled",
        public_access_block=properties["PublicAccessBlockConfiguration"],
        ownership=properties["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        cors=tuple(_read_cors(rule) for rule in properties["CorsConfiguration"]["CorsRules"]),
        lifecycle=tuple(_read_lifecycle(rule) for rule in properties["LifecycleConfiguration"]["Rules"]),
        policy=policy,
    )


def _read_cors(rule: Properties) -> CorsRule:
    return CorsRule(
        id=rule["Id"],
        origins=tuple(rule["AllowedOrigins"]),
        methods=tuple(rule["AllowedMethods"]),
        headers=tuple(rule["AllowedHeaders"]),
        exposed_headers=tuple(rule["ExposedHeaders"]),
        max_age=int(rule["MaxAge"]),
    )


def _read_lifecycle(rule: Properties) -> LifecycleRule:
    transitions = rule.get("Transitions", [])
    return LifecycleRule(
        id=rule["Id"],
        enabled=rule["Status"] == "Enabled",
        tags={tag["Key"]: tag["Value"] for tag in rule.get("TagFilters", [])},
        transitions=tuple((int(step["TransitionInDays"]), step["StorageClass"]) for step in transitions),
        expiration_days=rule.get("ExpirationInDays"),
        noncurrent_days=rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
        abort_multipart_days=rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation"),
    )


def read_queue(properties: Properties, name: str, arn: str, policy: Policy) -> Queue:
    redrive = properties.get("RedrivePolicy", {})
    return Queue(
        name=name,
        arn=arn,
        key_arn=properties["KmsMasterKeyId"],
        key_reuse=int(properties["KmsDataKeyReusePeriodSeconds"]),
        visibility_timeout=int(properties["VisibilityTimeout"]),
        wait=int(properties["ReceiveMessageWaitTimeSeconds"]),
        retention=int(properties["MessageRetentionPeriod"]),
        dead_letter_arn=redrive.get("deadLetterTargetArn"),
        max_receive_count=int(redrive["maxReceiveCount"]) if redrive else None,
        redrive_sources=tuple(properties.get("RedriveAllowPolicy", {}).get("sourceQueueArns", ())),
        policy=policy,
    )


def read_function(properties: Properties, name: str, arn: str) -> LambdaFunction:
    return LambdaFunction(
        name=name,
        arn=arn,
        description=properties["Description"],
        runtime=properties["Runtime"],
        architectures=tuple(properties["Architectures"]),
        handler=properties["Handler"],
        role_arn=properties["Role"],
        memory=int(properties["MemorySize"]),
        timeout=int(properties["Timeout"]),
        reserved_concurrency=int(properties["ReservedConcurrentExecutions"]),
        key_arn=properties["KmsKeyArn"],
        tracing=properties["TracingConfig"]["Mode"],
        log_group=properties["LoggingConfig"]["LogGroup"],
        environment=properties["Environment"]["Variables"],
    )


def read_role(properties: Properties, name: str, arn: str) -> IamRole:
    return IamRole(
        name=name,
        arn=arn,
        description=properties.get("Description", ""),
        trust=properties["AssumeRolePolicyDocument"],
        policies={policy["PolicyName"]: policy["PolicyDocument"] for policy in properties["Policies"]},
    )


def read_transcoding_queue(properties: Properties, name: str, arn: str) -> TranscodingQueue:
    return TranscodingQueue(
        name=name,
        arn=arn,
        description=properties["Description"],
        pricing_plan=properties["PricingPlan"],
        status=properties["Status"],
        concurrent_jobs=int(properties["ConcurrentJobs"]),
    )


def read_job_template(properties: Properties, name: str, arn: str) -> JobTemplate:
    return JobTemplate(
        name=name,
        arn=arn,
        description=properties["Description"],
        queue_arn=properties["Queue"],
        priority=int(properties["Priority"]),
        status_update_interval=properties["StatusUpdateInterval"],
        acceleration=properties["AccelerationSettings"]["Mode"],
        settings=properties["SettingsJson"],
    )


def read_event_rule(properties: Properties, name: str, arn: str) -> EventRule:
    return EventRule(
        name=name,
        arn=arn,
        description=properties["Description"],
        state=properties["State"],
        pattern=properties["EventPattern"],
        targets={target["Id"]: target["Arn"] for target in properties["Targets"]},
    )


def read_topic(properties: Properties, name: str, arn: str, policy: Policy) -> Topic:
    return Topic(
        name=name,
        arn=arn,
        display_name=properties["DisplayName"],
        key_arn=properties["KmsMasterKeyId"],
        policy=policy,
    )
