"""Reading CloudFormation: the project's own template, and the alarms of anybody's."""

from pathlib import Path

import pytest

from harness.blueprint.template import TEMPLATE, load_alarms, load_template

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


class TestOurTemplate:
    def test_names_are_those_of_the_contract(self):
        """Everything goes by its exact name."""
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
        assert template.job_template.name == "toq-media-video-preset"
        assert template.event_rule.name == "toq-media-mediaconvert-status"
        assert template.key.alias == "alias/toq-media-processing"

    def test_storage_is_encrypted_versioned_and_private(self):
        """SSE-KMS with a bucket key, versions kept, nothing public, TLS only."""
        bucket = load_template().bucket

        assert (bucket.algorithm, bucket.bucket_key, bucket.versioned) == ("aws:kms", True, True)
        assert set(bucket.public_access_block.values()) == {True}
        assert len(bucket.public_access_block) == 4
        assert bucket.cors[0].methods == ("PUT", "GET", "HEAD")
        assert set(bucket.cors[0].headers) == {
            "content-type",
            "x-amz-checksum-sha256",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
        }
        assert bucket.policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_lifecycle_goes_by_tag(self):
        """Keys begin with the listing's number, so prefixes cannot tell raw from processed."""
        lifecycle = {rule.id: rule for rule in load_template().bucket.lifecycle}

        assert lifecycle["archive-raw-media"].tags == {"media-stage": "raw"}
        assert lifecycle["expire-superseded-media"].tags == {"media-stage": "superseded"}
        assert lifecycle["expire-superseded-media"].expiration_days == 90

    def test_messages_get_five_tries(self):
        """Redrive after five receives; long polls; a time-out six times the dispatcher's."""
        template = load_template()

        assert template.queue.dead_letter_arn == template.dead_letter_queue.arn
        assert template.queue.max_receive_count == 5
        assert template.queue.wait == 20
        assert template.queue.visibility_timeout >= 6 * 30
        assert template.dead_letter_queue.retention > template.queue.retention
        assert template.dead_letter_queue.redrive_sources == (template.queue.arn,)

    def test_functions_know_where_things_are(self):
        """The four get the bucket and key; only the callback gets the address and the secret."""
        functions = load_template(parameters={"CallbackUrl": CALLBACK_URL}).functions

        assert functions["listing-media-zip"].environment == {
            "MEDIA_BUCKET": "toq-listing-medias",
            "KMS_KEY_ID": "alias/toq-media-processing",
        }
        callback = functions["listing-media-callback-dispatch"].environment
        assert callback["CALLBACK_URL"] == CALLBACK_URL
        assert callback["CALLBACK_SECRET"] == (
            "{{resolve:secretsmanager:arn:aws:secretsmanager:us-east-1:123456789012"
            ":secret:toq-media/callback-secret}}"
        )

    def test_states_outlast_the_functions_they_call(self):
        """A state that gives up before its function does would retry work still running."""
        template = load_template()
        limits = {"validate": 120, "thumbnails": 600, "zip": 1800, "callback-dispatch": 60}

        for name, limit in limits.items():
            assert template.functions[f"listing-media-{name}"].timeout <= limit

    def test_definition_has_its_arns(self):
        """No placeholder is left, and every task names one of the template's functions."""
        template = load_template()

        assert "${" not in template.state_machine.definition
        for function in template.functions.values():
            assert function.arn in template.state_machine.definition
        assert template.job_template.name in template.state_machine.definition

    def test_nothing_is_left_unresolved(self):
        """With its two open parameters given, the template has no stand-in anywhere."""
        given = {"CallbackUrl": CALLBACK_URL, "ArtifactBucket": "artifacts"}
        template = load_template(parameters=given)

        assert load_template().unset == ("ArtifactBucket", "CallbackUrl")
        assert template.unset == ()
        assert "'<" not in repr(template)

    def test_parameters_account_and_region_reach_every_name(self):
        """One template serves any account."""
        template = load_template(
            parameters={"MediaBucketName": "elsewhere", "ZipConcurrency": "3"},
            account="210987654321",
            region="eu-west-1",
        )

        assert template.bucket.arn == "arn:aws:s3:::elsewhere"
        assert template.functions["listing-media-zip"].reserved_concurrency == 3
        assert template.queue.arn == "arn:aws:sqs:eu-west-1:210987654321:listing-media-processing"

    def test_key_id_is_a_stand_in_until_it_is_drawn(self):
        """Everything that names the key follows when its id becomes known."""
        template = load_template().with_key("4b1d")

        assert template.key.arn == "arn:aws:kms:us-east-1:123456789012:key/4b1d"
        assert template.bucket.key_arn == template.queue.key_arn == template.key.arn

    def test_hash_covers_both_files(self, tmp_path):
        """Another state machine is another blueprint."""
        definition = TEMPLATE.with_name("media_processing.asl.json")
        (tmp_path / "template.yaml").write_text(TEMPLATE.read_text())
        (tmp_path / definition.name).write_text(definition.read_text())
        same = load_template(tmp_path / "template.yaml").hash
        (tmp_path / definition.name).write_text(definition.read_text() + "\n")

        assert same == load_template().hash
        assert load_template(tmp_path / "template.yaml").hash != same

    def test_a_missing_definition_is_named(self, tmp_path):
        """The error says which file is expected where."""
        (tmp_path / "template.yaml").write_text(TEMPLATE.read_text())

        with pytest.raises(ValueError, match=r"template.yaml:\d+: .*media_processing.asl.json"):
            load_template(tmp_path / "template.yaml")

    def test_an_unknown_parameter_is_refused(self):
        """A misspelt override must not be ignored."""
        with pytest.raises(
            ValueError, match=r"template.yaml:\d+: there is no parameter 'ZipConcurency' to set"
        ):
            load_template(parameters={"ZipConcurency": "3"})


class TestOurAlarms:
    def test_the_alarms_of_the_contract(self):
        """p95 above 600 s, a dead letter, three bad minutes of a function, a failed or timed-out run."""
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
        """One light: it burns when any of them does."""
        *metric, composite = load_template().alarms

        assert composite.is_composite
        assert not any(alarm.is_composite for alarm in metric)
        assert composite.properties["AlarmRule"] == " OR ".join(f'ALARM("{alarm.name}")' for alarm in metric)

    def test_every_choice_about_missing_data_is_explained(self):
        """Who gets the alarm reads why silence is good news."""
        for alarm in load_template().alarms[:-1]:
            treatment = alarm.properties["TreatMissingData"]
            assert f"({treatment})" in alarm.properties["AlarmDescription"]
            assert len(alarm.properties["AlarmDescription"]) <= 1024

    def test_alarms_know_their_line(self):
        """A verdict points at the line that set the threshold."""
        alarm = load_template().alarms[0]

        assert TEMPLATE.read_text().splitlines()[alarm.line - 1] == "  ProcessingDurationAlarm:"


class TestTheirAlarms:
    def test_other_resources_only_lend_their_names(self, written):
        """Unknown resources, SAM and Ref to them do not matter."""
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
        """CloudFormation takes both, and so do we, with line numbers."""
        path = written(
            '{\n\t"Resources": {\n\t\t"Slow": {"Type": "AWS::CloudWatch::Alarm", "Properties":'
            '{"AlarmName": {"Fn::Join": ["-", ["a", {"Ref": "AWS::Region"}]]},'
            '"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 2}}\n}}',
            name="theirs.json",
        )
        (alarm,) = load_alarms(path)

        assert (alarm.name, alarm.line) == ("a-us-east-1", 3)

    def test_metric_math_is_kept_whole(self, written):
        """Metrics keep AWS's shape, numbers as numbers."""
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

    def test_conditions_mappings_and_parameters_decide(self, written):
        """Intrinsics come to their values; a false Condition removes an alarm."""
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
        """Whoever wrote the template finds the place."""
        with pytest.raises(ValueError) as caught:
            load_alarms(written(text))

        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)

    def test_a_missing_file_is_an_ordinary_error(self):
        """No wrapper hides that the file is not there."""
        with pytest.raises(FileNotFoundError):
            load_alarms(Path("nowhere.yaml"))
