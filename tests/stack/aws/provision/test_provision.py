"""
The provisioned account has what the template says, property by property.

The server is bare moto in a process of its own. Each test names what bare moto does not keep or support.
"""

import json
import subprocess
import sys

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.blueprint.template import load_template
from harness.stack.aws.provision.provision import (
    BUCKET_POLICY,
    COMPOSITE_ALARMS,
    MEDIA_CONVERT,
    Endpoints,
    provision,
)

pytestmark = pytest.mark.stack

PARAMETERS = {"CallbackUrl": "http://127.0.0.1:8000/internal/media-processing/callback"}
SECRETS = {"toq-media/callback-secret": "s3cr3t"}
ENVIRONMENT = {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000"}


SERVER = """
import logging, sys
logging.getLogger("werkzeug").disabled = True
from moto.core.config import default_user_config
default_user_config["stepfunctions"]["execute_state_machine"] = True
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://%s:%d" % server.get_host_and_port(), flush=True)
sys.stdin.read()  # until the parent process ends
"""


@pytest.fixture(scope="module")
def moto_url():
    """Bare moto on a free port."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture(scope="module")
def session():
    return boto3.Session("test", "test", region_name="us-east-1")


@pytest.fixture(scope="module")
def provisioned(moto_url, session):
    """Provision everything twice: the second time must change nothing."""
    template = load_template(parameters=PARAMETERS)
    arguments = {"secrets": SECRETS, "environment": ENVIRONMENT, "session": session}
    first = provision(template, Endpoints(moto_url), **arguments)
    second = provision(template, Endpoints(moto_url), **arguments)

    assert first == second
    return second


@pytest.fixture(scope="module")
def aws(moto_url, session):
    return lambda service: Endpoints(moto_url).client(session, service, "us-east-1")


class TestKey:
    def test_alias_leads_to_a_rotating_key(self, provisioned, aws):
        """The alias leads to the key of all resources; moto does not keep the rotation period."""
        key = aws("kms").describe_key(KeyId="alias/toq-media-processing")["KeyMetadata"]

        assert key["Arn"] == provisioned.template.key.arn
        assert key["Description"] == provisioned.template.key.properties["Description"]
        assert aws("kms").get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"] is True

    def test_policy(self, provisioned, aws):
        """The key's policy is the template's."""
        key = provisioned.template.key
        policy = aws("kms").get_key_policy(KeyId=key.name, PolicyName="default")["Policy"]

        assert json.loads(policy) == key.properties["KeyPolicy"]


class TestBucket:
    def test_encryption(self, provisioned, aws):
        """SSE-KMS with the template's key and a bucket key."""
        answer = aws("s3").get_bucket_encryption(Bucket="toq-listing-medias")

        assert answer["ServerSideEncryptionConfiguration"]["Rules"] == [
            {
                "ApplyServerSideEncryptionByDefault": {
                    "SSEAlgorithm": "aws:kms",
                    "KMSMasterKeyID": provisioned.template.key.arn,
                },
                "BucketKeyEnabled": True,
            }
        ]

    def test_versioning_and_privacy(self, provisioned, aws):
        """Versions are kept, nothing is public, the bucket owner owns all objects."""
        s3, bucket = aws("s3"), provisioned.template.bucket

        assert s3.get_bucket_versioning(Bucket=bucket.name)["Status"] == "Enabled"
        assert (
            s3.get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
            == bucket.properties["PublicAccessBlockConfiguration"]
        )
        assert s3.get_bucket_ownership_controls(Bucket=bucket.name)["OwnershipControls"] == {
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
        }

    def test_cors(self, provisioned, aws):
        """Browsers may PUT, GET and HEAD with the signed headers."""
        (rule,) = aws("s3").get_bucket_cors(Bucket="toq-listing-medias")["CORSRules"]
        (ours,) = provisioned.template.bucket.properties["CorsConfiguration"]["CorsRules"]

        # moto does not keep the rule's ID.
        rule.pop("ID", None)
        assert rule == {
            "AllowedOrigins": ours["AllowedOrigins"],
            "AllowedMethods": ["PUT", "GET", "HEAD"],
            "AllowedHeaders": ours["AllowedHeaders"],
            "ExposeHeaders": ours["ExposedHeaders"],
            "MaxAgeSeconds": ours["MaxAge"],
        }

    def test_lifecycle(self, provisioned, aws):
        """Rules select objects by tag, in the spelling of S3's API."""
        answer = aws("s3").get_bucket_lifecycle_configuration(Bucket="toq-listing-medias")

        assert answer["Rules"] == [
            {
                "ID": "archive-raw-media",
                "Status": "Enabled",
                "Filter": {"Tag": {"Key": "media-stage", "Value": "raw-done"}},
                "Transitions": [
                    {"Days": 30, "StorageClass": "STANDARD_IA"},
                    {"Days": 180, "StorageClass": "GLACIER_IR"},
                ],
            },
            {
                "ID": "expire-deleted-media",
                "Status": "Enabled",
                "Filter": {"Tag": {"Key": "media-stage", "Value": "deleted"}},
                "Expiration": {"Days": 90},
            },
            {
                "ID": "forget-old-versions-and-broken-uploads",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 90},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            },
        ]

    def test_policy_is_left_out(self, provisioned, aws):
        """moto ignores the Condition of TlsOnly and would refuse every request."""
        with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
            aws("s3").get_bucket_policy(Bucket="toq-listing-medias")

        assert BUCKET_POLICY in provisioned.left_out


class TestQueues:
    def test_attributes(self, provisioned, aws):
        """Both queues have every attribute; moto keeps no RedriveAllowPolicy."""
        template = provisioned.template
        urls = {
            provisioned.queue_url: template.queue,
            provisioned.dead_letter_queue_url: template.dead_letter_queue,
        }

        for url, queue in urls.items():
            answer = aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            assert answer["QueueArn"] == queue.arn
            assert answer["KmsMasterKeyId"] == provisioned.template.key.arn
            assert answer["KmsDataKeyReusePeriodSeconds"] == "300"
            assert answer["VisibilityTimeout"] == "180"
            assert answer["ReceiveMessageWaitTimeSeconds"] == "20"
            assert answer["MessageRetentionPeriod"] == str(queue.properties["MessageRetentionPeriod"])
            assert json.loads(answer["Policy"]) == queue.policy

    def test_redrive(self, provisioned, aws):
        """After five receives a message goes to the dead-letter queue."""
        answer = aws("sqs").get_queue_attributes(
            QueueUrl=provisioned.queue_url, AttributeNames=["RedrivePolicy"]
        )

        assert json.loads(answer["Attributes"]["RedrivePolicy"]) == {
            "deadLetterTargetArn": provisioned.template.dead_letter_queue.arn,
            "maxReceiveCount": 5,
        }


class TestFunctions:
    def test_configuration(self, provisioned, aws):
        """Handler, role, memory and limits of all four functions; moto keeps no LoggingConfig."""
        for function in provisioned.template.functions.values():
            answer = aws("lambda").get_function_configuration(FunctionName=function.name)
            assert answer["FunctionArn"] == function.arn
            assert answer["Description"] == function.properties["Description"]
            assert answer["Runtime"] == function.properties["Runtime"]
            assert answer["Handler"] == function.properties["Handler"]
            assert answer["Role"] == function.properties["Role"]
            assert answer["MemorySize"] == function.memory
            assert answer["Timeout"] == function.timeout
            assert answer["KMSKeyArn"] == provisioned.template.key.arn
            assert answer["TracingConfig"] == {"Mode": "Active"}
            assert answer["Architectures"] == function.properties["Architectures"]
            concurrency = aws("lambda").get_function_concurrency(FunctionName=function.name)
            assert concurrency["ReservedConcurrentExecutions"] == function.reserved_concurrency

    def test_environment(self, provisioned, aws):
        """The template's variables, the ARN of the secret instead of its value, and what the stack adds."""
        answer = aws("lambda").get_function_configuration(FunctionName="listing-media-callback-dispatch")

        assert answer["Environment"]["Variables"] == {
            "MEDIA_BUCKET": "toq-listing-medias",
            "KMS_KEY_ID": "alias/toq-media-processing",
            "CALLBACK_URL": PARAMETERS["CallbackUrl"],
            "CALLBACK_SECRET_ARN": provisioned.template.secret.arn,
            "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
        }
        secret = aws("secretsmanager").get_secret_value(SecretId=provisioned.template.secret.arn)
        assert secret["SecretString"] == "s3cr3t"


class TestStateMachine:
    def test_definition_and_settings(self, provisioned, aws):
        """The definition with its ARNs; logging and tracing are on."""
        machine = provisioned.template.state_machine
        answer = aws("stepfunctions").describe_state_machine(stateMachineArn=provisioned.state_machine_arn)

        assert answer["stateMachineArn"] == machine.arn
        assert answer["name"] == "listing-media-processing-sm"
        assert answer["definition"] == machine.definition
        assert answer["roleArn"] == machine.properties["RoleArn"]
        assert answer["type"] == "STANDARD"
        assert answer["tracingConfiguration"] == {"enabled": True}
        (group,) = (
            group
            for group in provisioned.template.of_type("AWS::Logs::LogGroup")
            if group.name == "/aws/vendedlogs/states/listing-media-processing-sm"
        )
        assert answer["loggingConfiguration"] == {
            "level": "ALL",
            "includeExecutionData": False,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group.arn}}],
        }


class TestTranscoding:
    def test_bare_moto_has_no_media_convert(self, provisioned):
        """What could not be created is listed."""
        assert MEDIA_CONVERT in provisioned.left_out


class TestAlerts:
    def test_topic(self, provisioned, aws):
        """Encrypted, and open to alarms and events of this account only."""
        topic = provisioned.template.single("AWS::SNS::Topic")
        answer = aws("sns").get_topic_attributes(TopicArn=provisioned.template.single("AWS::SNS::Topic").arn)[
            "Attributes"
        ]

        assert answer["TopicArn"] == topic.arn
        assert answer["DisplayName"] == topic.properties["DisplayName"]
        assert answer["KmsMasterKeyId"] == provisioned.template.key.arn
        assert json.loads(answer["Policy"]) == topic.policy

    @pytest.mark.parametrize("name", ["toq-media-mediaconvert-status", "toq-media-execution-status"])
    def test_rules(self, provisioned, aws, name):
        """The events go to the callback function, which each rule may invoke, and to the topic."""
        template = provisioned.template
        rule = next(one for one in template.of_type("AWS::Events::Rule") if one.name == name)
        answer = aws("events").describe_rule(Name=name)

        assert (answer["Arn"], answer["Description"], answer["State"]) == (
            rule.arn,
            rule.properties["Description"],
            "ENABLED",
        )
        assert json.loads(answer["EventPattern"]) == rule.properties["EventPattern"]
        callback = template.functions["listing-media-callback-dispatch"]
        assert aws("events").list_targets_by_rule(Rule=name)["Targets"] == [
            {"Id": "callback", "Arn": callback.arn},
            {"Id": "alerts", "Arn": template.single("AWS::SNS::Topic").arn},
        ]
        policy = json.loads(aws("lambda").get_policy(FunctionName=callback.name)["Policy"])
        sources = [one["Condition"]["ArnLike"]["AWS:SourceArn"] for one in policy["Statement"]]
        assert sources.count(rule.arn) == 1

    def test_metric_alarms(self, provisioned, aws):
        """DescribeAlarms returns every property of every metric alarm."""
        ours = [alarm for alarm in provisioned.template.alarms if not alarm.is_composite]
        answers = {alarm["AlarmName"]: alarm for alarm in aws("cloudwatch").describe_alarms()["MetricAlarms"]}

        assert set(answers) == {alarm.name for alarm in ours}
        for alarm in ours:
            kept = {name: answers[alarm.name].get(name) for name in alarm.properties}
            assert kept == alarm.properties

    def test_composite_alarms_are_left_out(self, provisioned, aws):
        """Bare moto answers 500 to PutCompositeAlarm."""
        assert [alarm.is_composite for alarm in provisioned.template.alarms].count(True) == 1
        assert aws("cloudwatch").describe_alarms()["CompositeAlarms"] == []
        assert COMPOSITE_ALARMS in provisioned.left_out

    def test_dashboard(self, provisioned, aws):
        """The body is that of the template and is JSON."""
        body = aws("cloudwatch").get_dashboard(DashboardName="toq-media-processing")["DashboardBody"]

        assert body == provisioned.template.single("AWS::CloudWatch::Dashboard").properties["DashboardBody"]
        assert len(json.loads(body)["widgets"]) == 6


class TestAccess:
    def test_roles(self, provisioned, aws):
        """Every role has its trust policy and exactly its policies."""
        iam = aws("iam")
        for role in provisioned.template.roles.values():
            answer = iam.get_role(RoleName=role.name)["Role"]
            assert answer["Arn"] == role.arn
            assert answer["AssumeRolePolicyDocument"] == role.properties["AssumeRolePolicyDocument"]
            policies = {one["PolicyName"]: one["PolicyDocument"] for one in role.properties["Policies"]}
            assert iam.list_role_policies(RoleName=role.name)["PolicyNames"] == list(policies)
            for name, policy in policies.items():
                kept = iam.get_role_policy(RoleName=role.name, PolicyName=name)["PolicyDocument"]
                assert kept == policy

    def test_log_groups(self, provisioned, aws):
        """Every group exists with its retention period."""
        answer = aws("logs").describe_log_groups()["logGroups"]

        assert {group["logGroupName"]: group["retentionInDays"] for group in answer} == {
            group.name: int(group.properties["RetentionInDays"])
            for group in provisioned.template.of_type("AWS::Logs::LogGroup")
        }


class TestRefusals:
    def test_a_parameter_without_value_is_named(self, moto_url, session):
        """Nothing is created while a parameter is missing."""
        with pytest.raises(
            ValueError,
            match=r"CALLBACK_URL of listing-media-callback-dispatch needs .* parameter CallbackUrl",
        ):
            provision(load_template(), Endpoints(moto_url), secrets=SECRETS, session=session)

    def test_a_missing_secret_is_named(self, moto_url, session):
        """Without its value no callback can be signed."""
        with pytest.raises(ValueError, match="needs the secret toq-media/callback-secret"):
            provision(load_template(parameters=PARAMETERS), Endpoints(moto_url), secrets={}, session=session)

    def test_changes_reach_what_exists(self, provisioned, moto_url, session, aws):
        """Provisioning again with other values updates in place."""
        changed = load_template(parameters={**PARAMETERS, "VisibilityTimeout": "240", "ZipConcurrency": "2"})
        provision(changed, Endpoints(moto_url), secrets=SECRETS, environment=ENVIRONMENT, session=session)

        visibility = aws("sqs").get_queue_attributes(
            QueueUrl=provisioned.queue_url, AttributeNames=["VisibilityTimeout"]
        )
        concurrency = aws("lambda").get_function_concurrency(FunctionName="listing-media-zip")
        assert visibility["Attributes"] == {"VisibilityTimeout": "240"}
        assert concurrency["ReservedConcurrentExecutions"] == 2
