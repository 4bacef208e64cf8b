"""
Reading CloudFormation: the project's own template, and the alarms of any template.
"""

import json
from pathlib import Path

import pytest

from harness.blueprint.template import TEMPLATE, load_alarms, load_template
from harness.service.core.model.batch import MediaStage
from harness.service.core.model.manifest import MEBIBYTE, UploadLimits
from harness.service.pipeline.thumbnails import IMAGES_AT_ONCE

CALLBACK_URL = "http://127.0.0.1:8000/internal/media-processing/callback"


@pytest.fixture
def written(tmp_path):
    """Write a template to a file and return its path."""

    def write(text, name="theirs.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def alarm_template(properties, extra="", head=""):
    """A template with one metric alarm, its properties written as one flow mapping."""
    return (
        f"{head}Resources:\n"
        "  Slow:\n"
        "    Type: AWS::CloudWatch::Alarm\n"
        f"    Properties: {{ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1, {properties}}}\n"
        f"{extra}"
    )


class TestProjectStateMachine:
    def test_every_function_is_tried_again_after_its_environment_ended(self):
        """Out of memory, a crash or a time-out is no error of the handler: the next attempt starts cold."""
        machine = json.loads((TEMPLATE.parent / "media_processing.asl.json").read_text())
        branches = machine["States"]["ParallelProcessing"]["Branches"]
        states = [*machine["States"].values(), *branches[0]["States"].values()]
        tasks = [state for state in states if state.get("Resource", "").endswith("lambda:invoke")]

        ends = {"Lambda.Unknown", "Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout"}
        assert len(tasks) == 6
        for task in tasks:
            assert ends <= {name for retry in task["Retry"] for name in retry["ErrorEquals"]}


class TestProjectTemplate:
    def test_names_are_those_of_the_contract(self):
        """Other systems depend on these exact names."""
        template = load_template()

        assert template.bucket.name == "toq-listing-medias"
        assert template.queue.name == "listing-media-processing"
        assert template.dead_letter_queue.name == "listing-media-processing-dlq"
        assert template.state_machine.name == "listing-media-processing-sm"
        assert set(template.functions) == {
            "listing-media-validate",
            "listing-media-thumbnails",
            "listing-media-zip",
            "listing-media-callback-dispatch",
        }
        assert template.media_convert_queue.name == "toq-media-queue"
        assert template.single("AWS::MediaConvert::JobTemplate").name == "toq-media-video-preset"
        assert {rule.name for rule in template.of_type("AWS::Events::Rule")} == {
            "toq-media-mediaconvert-status",
            "toq-media-execution-status",
        }
        assert template.key_alias == "alias/toq-media-processing"

    def test_storage_is_encrypted_versioned_and_private(self):
        """SSE-KMS with a bucket key; versions are kept, nothing is public, TLS is required."""
        bucket = load_template().bucket
        (encryption,) = bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        (cors,) = bucket.properties["CorsConfiguration"]["CorsRules"]
        public_access_block = bucket.properties["PublicAccessBlockConfiguration"]

        assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert encryption["BucketKeyEnabled"] is True
        assert bucket.properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(public_access_block.values()) == {True}
        assert len(public_access_block) == 4
        assert cors["AllowedMethods"] == ["PUT", "GET", "HEAD"]
        assert set(cors["AllowedHeaders"]) == {
            "content-type",
            "x-amz-checksum-sha256",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
        }
        assert bucket.policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_lifecycle_rules_select_by_tag(self):
        """Keys begin with the number of the listing, so a prefix cannot select raw media."""
        rules = load_template().bucket.properties["LifecycleConfiguration"]["Rules"]
        lifecycle = {rule["Id"]: rule for rule in rules}

        assert lifecycle["archive-raw-media"]["TagFilters"] == [{"Key": "media-stage", "Value": "raw-done"}]
        assert lifecycle["expire-deleted-media"]["TagFilters"] == [{"Key": "media-stage", "Value": "deleted"}]
        assert lifecycle["expire-deleted-media"]["ExpirationInDays"] == 90

    def test_the_worker_sets_the_tags_of_the_lifecycle_rules(self):
        """A rule for a tag that nothing sets would never match."""
        rules = load_template().bucket.properties["LifecycleConfiguration"]["Rules"]

        values = {tag["Value"] for rule in rules for tag in rule.get("TagFilters", ())}

        assert values == {stage.value for stage in MediaStage}

    def test_messages_are_received_five_times(self):
        """Redrive after five receives, long polls, a visibility time-out six times the dispatcher's."""
        template = load_template()

        assert template.queue.dead_letter_arn == template.dead_letter_queue.arn
        assert template.queue.max_receive_count == 5
        assert template.queue.properties["ReceiveMessageWaitTimeSeconds"] == 20
        assert template.queue.visibility_timeout >= 6 * 30
        kept, kept_dead = (
            queue.properties["MessageRetentionPeriod"]
            for queue in (template.queue, template.dead_letter_queue)
        )
        assert kept_dead > kept
        redrive = template.dead_letter_queue.properties["RedriveAllowPolicy"]
        assert redrive["sourceQueueArns"] == [template.queue.arn]

    def test_functions_have_their_environment(self):
        """All functions get bucket and key; only the callback gets the address and the secret."""
        functions = load_template(parameters={"CallbackUrl": CALLBACK_URL}).functions

        assert functions["listing-media-zip"].environment == {
            "MEDIA_BUCKET": "toq-listing-medias",
            "KMS_KEY_ID": "alias/toq-media-processing",
        }
        callback = functions["listing-media-callback-dispatch"].environment
        assert callback["CALLBACK_URL"] == CALLBACK_URL
        assert callback["CALLBACK_SECRET_ARN"] == (
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:toq-media/callback-secret"
        )

    @pytest.mark.parametrize(("name", "files"), [("validate", 1), ("thumbnails", IMAGES_AT_ONCE)])
    def test_the_files_that_a_function_has_at_once_fit_into_its_storage(self, name, files):
        """A full /tmp fails the invocation; the ZIP is streamed and needs no file."""
        properties = load_template().functions[f"listing-media-{name}"].properties
        mebibytes = properties.get("EphemeralStorage", {"Size": 512})["Size"]

        assert mebibytes * MEBIBYTE > files * UploadLimits().file_bytes

    def test_states_outlast_the_functions_they_call(self):
        """A state with a shorter time-out than its function would retry work that still runs."""
        template = load_template()
        limits = {"validate": 600, "thumbnails": 600, "zip": 1800, "callback-dispatch": 60}

        for name, limit in limits.items():
            assert template.functions[f"listing-media-{name}"].timeout <= limit

    def test_definition_has_its_arns(self):
        """No placeholder is left, and every function of the template occurs."""
        template = load_template()

        assert "${" not in template.state_machine.definition
        for function in template.functions.values():
            assert function.arn in template.state_machine.definition
        assert template.single("AWS::MediaConvert::JobTemplate").name in template.state_machine.definition

    def test_both_event_rules_tell_the_service_and_the_operators(self):
        """Each rule may invoke the callback function, and no other rule may."""
        template = load_template()
        callback = template.functions["listing-media-callback-dispatch"].arn
        rules = template.of_type("AWS::Events::Rule")
        allowed = [one.properties for one in template.of_type("AWS::Lambda::Permission")]

        topic = template.single("AWS::SNS::Topic").arn
        assert all({one["Arn"] for one in rule.properties["Targets"]} == {callback, topic} for rule in rules)
        assert {one["SourceArn"] for one in allowed} == {rule.arn for rule in rules}
        assert {(one["FunctionName"], one["Principal"]) for one in allowed} == {
            (callback, "events.amazonaws.com")
        }

    def test_event_rules_select_the_pipelines_own_events(self):
        """Ends of executions without success, and the progress of transcoding in the service's queue."""
        template = load_template()
        patterns = {
            rule.name: rule.properties["EventPattern"] for rule in template.of_type("AWS::Events::Rule")
        }

        executions = patterns["toq-media-execution-status"]["detail"]
        assert executions["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
        assert executions["stateMachineArn"] == [template.state_machine.arn]
        transcoding = patterns["toq-media-mediaconvert-status"]["detail"]
        assert transcoding["status"] == ["PROGRESSING", "STATUS_UPDATE", "COMPLETE", "ERROR"]
        assert transcoding["queue"] == [template.media_convert_queue.arn]

    def test_nothing_is_left_unresolved(self):
        """With its two parameters that have no default, the template has no placeholder left."""
        given = {"CallbackUrl": CALLBACK_URL, "ArtifactBucket": "artifacts"}
        template = load_template(parameters=given)

        assert load_template().unset == ("ArtifactBucket", "CallbackUrl")
        assert template.unset == ()
        assert "'<" not in repr(template)

    def test_parameters_account_and_region_reach_every_name(self):
        """Parameters, account and region enter the names and ARNs."""
        template = load_template(
            parameters={"MediaBucketName": "elsewhere", "ZipConcurrency": "3"},
            account="210987654321",
            region="eu-west-1",
        )

        assert template.bucket.arn == "arn:aws:s3:::elsewhere"
        assert template.functions["listing-media-zip"].reserved_concurrency == 3
        assert template.queue.arn == "arn:aws:sqs:eu-west-1:210987654321:listing-media-processing"

    def test_key_id_is_a_placeholder_until_it_is_known(self):
        """All resources that name the key follow when AWS has generated its id."""
        template = load_template().with_key("4b1d")

        assert template.key.arn == "arn:aws:kms:us-east-1:123456789012:key/4b1d"
        (encryption,) = template.bucket.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == template.key.arn
        assert template.queue.properties["KmsMasterKeyId"] == template.key.arn

    def test_hash_covers_both_files(self, tmp_path):
        """A change of the state machine is a change of the blueprint."""
        definition = TEMPLATE.with_name("media_processing.asl.json")
        (tmp_path / "template.yaml").write_text(TEMPLATE.read_text())
        (tmp_path / definition.name).write_text(definition.read_text())
        same = load_template(tmp_path / "template.yaml").hash
        (tmp_path / definition.name).write_text(definition.read_text() + "\n")

        assert same == load_template().hash
        assert load_template(tmp_path / "template.yaml").hash != same

    def test_a_missing_definition_is_named(self, tmp_path):
        """The error names the file that is expected beside the template."""
        (tmp_path / "template.yaml").write_text(TEMPLATE.read_text())

        with pytest.raises(ValueError, match=r"template.yaml:\d+: .*media_processing.asl.json"):
            load_template(tmp_path / "template.yaml")

    def test_an_unknown_parameter_is_refused(self):
        """A misspelt parameter is an error."""
        with pytest.raises(
            ValueError, match=r"template.yaml:\d+: there is no parameter 'ZipConcurency' to set"
        ):
            load_template(parameters={"ZipConcurency": "3"})


class TestProjectAlarms:
    def test_the_alarms_of_the_contract(self):
        """p95 above 600 s, a dead letter, three minutes with errors of a function, a failed execution."""
        alarms = {alarm.name: alarm.properties for alarm in load_template().alarms}

        duration = alarms["media-processing-duration-p95"]
        assert (duration["ExtendedStatistic"], duration["Threshold"]) == ("p95", 600.0)
        assert (duration["TreatMissingData"], duration["EvaluateLowSampleCountPercentile"]) == (
            "notBreaching",
            "evaluate",
        )
        dead = alarms["media-processing-dead-letters"]
        assert dead["MetricName"] == "ApproximateNumberOfMessagesVisible"
        assert dead["Dimensions"] == [{"Name": "QueueName", "Value": "listing-media-processing-dlq"}]
        arrived = alarms["media-processing-dead-letters-arrived"]
        assert (arrived["Namespace"], arrived["MetricName"]) == (
            "TOQ/MediaProcessing",
            "media_processing_dlq_messages_total",
        )
        assert (arrived["Statistic"], arrived["Threshold"], arrived.get("Dimensions")) == ("Sum", 0.0, None)
        for name in ("validate", "thumbnails", "zip", "callback-dispatch"):
            errors = alarms[f"media-processing-{name}-errors"]
            assert errors["Dimensions"] == [{"Name": "FunctionName", "Value": f"listing-media-{name}"}]
            assert (errors["DatapointsToAlarm"], errors["EvaluationPeriods"], errors["Threshold"]) == (
                3,
                3,
                1.0,
            )
            assert errors["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        for name in ("failed", "timed-out"):
            assert alarms[f"media-processing-executions-{name}"]["Threshold"] == 0.0

    def test_the_composite_has_every_other_alarm(self):
        """The composite alarm is in ALARM when any other alarm is."""
        *metric, composite = load_template().alarms

        assert composite.is_composite
        assert not any(alarm.is_composite for alarm in metric)
        assert composite.properties["AlarmRule"] == " OR ".join(f'ALARM("{alarm.name}")' for alarm in metric)

    def test_every_choice_about_missing_data_is_explained(self):
        """The description says how missing data are treated, and why."""
        for alarm in load_template().alarms[:-1]:
            treatment = alarm.properties["TreatMissingData"]
            assert f"({treatment})" in alarm.properties["AlarmDescription"]
            assert len(alarm.properties["AlarmDescription"]) <= 1024

    def test_alarms_know_their_line(self):
        """A verdict refers to the line of the template that defines the alarm."""
        alarm = load_template().alarms[0]

        assert TEMPLATE.read_text().splitlines()[alarm.line - 1] == "  ProcessingDurationAlarm:"


class TestAlarmsOfAnyTemplate:
    def test_other_resources_only_give_their_names(self, written):
        """Unknown resource types, transforms and references to them are no error."""
        path = written(
            alarm_template(
                "Dimensions: [{Name: A, Value: !Ref Group}, {Name: B, Value: !GetAtt Group.Size}],"
                " AlarmActions: [!Ref GeneratedRole], Period: '60', Threshold: '5'",
                head="Transform: AWS::Serverless-2016-10-31\n",
                extra="  Group:\n    Type: AWS::AutoScaling::AutoScalingGroup\n",
            )
        )
        (alarm,) = load_alarms(path)

        assert alarm.name == "Slow"
        assert alarm.properties["Dimensions"] == [
            {"Name": "A", "Value": "<Group>"},
            {"Name": "B", "Value": "<Group.Size>"},
        ]
        assert alarm.properties["AlarmActions"] == ["<GeneratedRole>"]
        assert (alarm.properties["Period"], alarm.properties["Threshold"]) == (60, 5.0)

    def test_json_with_tabs_reads_like_yaml(self, written):
        """Both formats of CloudFormation are read, with line numbers."""
        path = written(
            '{\n\t"Resources": {\n\t\t"Slow": {"Type": "AWS::CloudWatch::Alarm", "Properties":'
            '{"AlarmName": {"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]},'
            '"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 2}}\n}}',
            name="theirs.json",
        )
        (alarm,) = load_alarms(path)

        assert (alarm.name, alarm.line) == ("a-us-east-1", 3)

    def test_metric_math_is_kept(self, written):
        """Metrics keep AWS's structure; numbers given as text become numbers."""
        path = written(
            alarm_template(
                "Threshold: 1, Metrics: [{Id: rate, Expression: 'errors / calls', ReturnData: 'true'},"
                " {Id: errors, ReturnData: 'false', MetricStat: {Stat: Sum, Period: '60',"
                " Metric: {Namespace: AWS/Lambda, MetricName: Errors}}}]"
            )
        )
        (alarm,) = load_alarms(path)

        assert alarm.properties["Metrics"] == [
            {"Id": "rate", "Expression": "errors / calls", "ReturnData": True},
            {
                "Id": "errors",
                "ReturnData": False,
                "MetricStat": {
                    "Stat": "Sum",
                    "Period": 60,
                    "Metric": {"Namespace": "AWS/Lambda", "MetricName": "Errors"},
                },
            },
        ]

    def test_conditions_mappings_and_parameters_are_resolved(self, written):
        """Intrinsic functions are replaced by their values; a false Condition removes an alarm."""
        path = written(
            "Parameters: {Stage: {Type: String, Default: test},"
            " Names: {Type: CommaDelimitedList, Default: 'a, b'}}\n"
            "Mappings: {Limits: {test: {slow: 5}, live: {slow: 9}}}\n"
            "Conditions: {Live: !Equals [!Ref Stage, live], Quiet: !Not [!Condition Live]}\n"
            + alarm_template(
                "Threshold: !FindInMap [Limits, !Ref Stage, slow],"
                " AlarmName: !Sub ['${who}-${Stage}-${!raw}', {who: !Select [1, !Ref Names]}],"
                " Unit: !If [Live, Seconds, !Ref 'AWS::NoValue'],"
                " Namespace: !Select [0, !Split ['/', 'one/two']]",
                extra="  Gone:\n    Type: AWS::CloudWatch::Alarm\n    Condition: Live\n    Properties: {}\n",
            )
        )
        (alarm,) = load_alarms(path)

        assert alarm.properties["Threshold"] == 5.0
        assert alarm.name == "b-test-${raw}"
        assert "Unit" not in alarm.properties
        assert alarm.properties["Namespace"] == "one"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("Resources: [", "theirs.yaml:2: not YAML or JSON"),
            ("- 1", "theirs.yaml:1: a template is a mapping with Resources"),
            ("Parameters: {}", "theirs.yaml:1: a template has Resources"),
            ("Resources:\n  A: {}", "theirs.yaml:2: the resource A needs a Type"),
            ("Resources:\n  A: {Type: X}\n  A: {Type: Y}", "theirs.yaml:3: A is given twice"),
            (
                alarm_template("Treshold: 5"),
                "theirs.yaml:4: Treshold is not a property of AWS::CloudWatch::Alarm",
            ),
            (
                alarm_template("Threshold: much"),
                "theirs.yaml:2: the alarm Slow: Threshold must be a number, not 'much'",
            ),
            (
                alarm_template("Threshold: !Ref Limit"),
                "theirs.yaml:4: 'Limit' is neither a parameter nor a resource",
            ),
            (alarm_template("Unit: !If [Live, a, b]"), "theirs.yaml:4: 'Live' is not a condition"),
            (alarm_template("Unit: !Sub [x]"), "theirs.yaml:4: Fn::Sub takes 2 values"),
            (
                alarm_template("Unit: !Select [one, [a]]"),
                "theirs.yaml:4: Fn::Select asks for member one of 1",
            ),
            (alarm_template("Unit: !Cidr [a, b, c]"), "theirs.yaml:4: Fn::Cidr is not supported"),
            (
                "Resources:\n  A:\n    Type: AWS::CloudWatch::CompositeAlarm\n    Properties: {AlarmName: x}",
                "theirs.yaml:2: the alarm A lacks AlarmRule",
            ),
        ],
    )
    def test_errors_are_one_sentence_with_file_and_line(self, written, text, message):
        """The error leads to the place in the template."""
        with pytest.raises(ValueError) as caught:
            load_alarms(written(text))

        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)

    def test_a_missing_file_is_file_not_found(self):
        """The error of the operating system is not wrapped."""
        with pytest.raises(FileNotFoundError):
            load_alarms(Path("nowhere.yaml"))
