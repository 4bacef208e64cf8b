"""
The alarms of an account: reading them, setting their states, publishing to their topics.
"""

import json

import boto3
import pytest
from moto import mock_aws

from harness.lab.alarms.account import Account
from harness.lab.alarms.alarm import Alarm, UnevaluatedAlarm
from harness.lab.alarms.composite import CompositeAlarm
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.state_change import StateChange

OK, ALARM = AlarmState.OK, AlarmState.ALARM
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
DEAD_LETTERS = {
    "AlarmName": "dead letters", "Namespace": "AWS/SQS", "MetricName": "Visible", "Statistic": "Maximum",
    "Period": 60, "EvaluationPeriods": 1, "Threshold": 0, "ComparisonOperator": "GreaterThanThreshold",
    "Dimensions": [{"Name": "QueueName", "Value": "dlq"}], "TreatMissingData": "notBreaching",
}  # fmt: skip


@pytest.fixture
def cloud():
    """A simulated AWS in this process."""
    with mock_aws():
        yield boto3.Session(**CREDENTIALS)


@pytest.fixture
def topic_with_reader(cloud):
    """A topic, and a function that returns its messages and their subjects."""
    topic = cloud.client("sns").create_topic(Name="alerts")["TopicArn"]
    queue = cloud.client("sqs").create_queue(QueueName="alerts-reader")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:alerts-reader"
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[tuple[dict, str]]:
        received = cloud.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        bodies = [json.loads(one["Body"]) for one in received.get("Messages", ())]
        return [(json.loads(body["Message"]), body["Subject"]) for body in bodies]

    return topic, read


@pytest.fixture
def watched_account(cloud, topic_with_reader):
    """An account with an alarm that publishes, one with disabled actions, and a composite alarm."""
    client, topic = cloud.client("cloudwatch"), topic_with_reader[0]
    client.put_metric_alarm(**DEAD_LETTERS, AlarmActions=[topic, "arn:aws:lambda:us-east-1:1:function:x"])
    off = {"AlarmName": "off", "ActionsEnabled": False, "AlarmActions": [topic]}
    client.put_metric_alarm(**DEAD_LETTERS | off)
    account = Account(None, CREDENTIALS)
    composite = {"AlarmName": "unhealthy", "AlarmRule": 'ALARM("dead letters")', "AlarmActions": [topic]}
    with_composites(account, composite)
    return account


def with_composites(account: Account, *composites: dict) -> None:
    """Add composite alarms to the answer of an account; moto does not support them."""

    def add(parsed: dict, **_: object) -> None:
        parsed["CompositeAlarms"] = list(composites)

    account._cloudwatch.meta.events.register("after-call.cloudwatch.DescribeAlarms", add)


def state_of(cloud, name: str) -> dict:
    (alarm,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return alarm


def test_the_alarms_are_read(watched_account):
    """
    They have the type that the evaluator uses.
    """
    alarm, off, composite = watched_account.alarms()

    assert (alarm.name, alarm.period, alarm.metrics[0][1].labels) == (
        "dead letters",
        60,
        {"QueueName": "dlq"},
    )
    assert off.name == "off"
    assert (composite.name, composite.children) == ("unhealthy", ("dead letters",))


def test_unsupported_alarms_are_returned_with_the_others(watched_account, cloud):
    """
    One alarm that is not supported does not hide the rest of the account.
    """
    client = cloud.client("cloudwatch")
    band = {
        "AlarmName": "band",
        "ThresholdMetricId": "ad1",
        "ComparisonOperator": "GreaterThanUpperThreshold",
    }
    client.put_metric_alarm(
        **{key: value for key, value in DEAD_LETTERS.items() if key != "Threshold"} | band
    )
    with_composites(watched_account, {"AlarmName": "odd", "AlarmRule": "ALARM(x) XOR ALARM(y)"})

    alarms = watched_account.alarms()

    assert [one.name for one in alarms if isinstance(one, Alarm)] == ["dead letters", "off"]
    assert [one for one in alarms if isinstance(one, UnevaluatedAlarm)] == [
        UnevaluatedAlarm(
            "band", "ThresholdMetricId is not supported: anomaly detection alarms cannot be evaluated"
        ),
        UnevaluatedAlarm("odd", "the rule has unexpected text at its end: 'XOR'"),
    ]
    assert not any(isinstance(one, CompositeAlarm) for one in alarms)


def test_a_state_change_is_visible_in_describe_alarms_and_at_the_topic(
    watched_account, cloud, topic_with_reader
):
    """
    With reason and reason data, and with the message that CloudWatch sends.
    """
    watched_account.alarms()
    watched_account.apply(
        StateChange(60.0, "dead letters", OK, ALARM, "Threshold Crossed: …", {"version": "1.0", "period": 60})
    )

    alarm = state_of(cloud, "dead letters")
    ((message, subject),) = topic_with_reader[1]()
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "Threshold Crossed: …")
    assert json.loads(alarm["StateReasonData"]) == {"version": "1.0", "period": 60}
    assert subject == 'ALARM: "dead letters"'
    assert message == {
        "AlarmName": "dead letters",
        "AlarmDescription": None,
        "AWSAccountId": "123456789012",
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed: …",
        "StateChangeTime": "1970-01-01T00:01:00.000+0000",
        "Region": "us-east-1",
        "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:dead letters",
        "OldStateValue": "OK",
        "OKActions": [],
        "AlarmActions": [topic_with_reader[0], "arn:aws:lambda:us-east-1:1:function:x"],
        "InsufficientDataActions": [],
        "Trigger": {
            "MetricName": "Visible", "Namespace": "AWS/SQS", "Statistic": "Maximum", "Period": 60,
            "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0.0,
            "TreatMissingData": "notBreaching", "Dimensions": [{"name": "QueueName", "value": "dlq"}],
        },
    }  # fmt: skip


def test_the_message_of_a_composite_has_its_rule_instead_of_a_trigger(watched_account, topic_with_reader):
    """
    If its actions run later than its change, the state is not set again.
    """
    watched_account.alarms()
    watched_account.apply(StateChange(120.0, "unhealthy", ALARM, ALARM, "the wait is over"))

    ((message, _),) = topic_with_reader[1]()
    assert message["AlarmRule"] == 'ALARM("dead letters")'
    assert "Trigger" not in message


def test_long_texts_are_cut(watched_account, cloud, topic_with_reader):
    """
    CloudWatch accepts 1,023 characters of reason, SNS 100 of subject.
    """
    name = "a" * 120
    cloud.client("cloudwatch").put_metric_alarm(
        **DEAD_LETTERS | {"AlarmName": name, "AlarmActions": [topic_with_reader[0]]}
    )
    watched_account.alarms()
    watched_account.apply(StateChange(60.0, name, OK, ALARM, "r" * 2000))

    ((_, subject),) = topic_with_reader[1]()
    assert (len(state_of(cloud, name)["StateReason"]), len(subject)) == (1023, 100)


@pytest.mark.parametrize(
    ("evaluated", "recent", "kept"),
    [
        (1000, 500, {"evaluatedDatapoints": [], "recentDatapoints": [1] * 500}),
        (1000, 1500, {"evaluatedDatapoints": [], "recentDatapoints": []}),
        (1289, 1, {"evaluatedDatapoints": [1] * 1289, "recentDatapoints": [1]}),
        (1290, 1, {"evaluatedDatapoints": [], "recentDatapoints": [1]}),
    ],
)
def test_long_reason_data_lose_their_lists(watched_account, cloud, evaluated, recent, kept):
    """
    CloudWatch accepts 4,000 characters, which must be complete JSON.
    """
    data = {"version": "1.0", "evaluatedDatapoints": [1] * evaluated, "recentDatapoints": [1] * recent}
    watched_account.alarms()
    watched_account.apply(StateChange(60.0, "dead letters", OK, ALARM, "long", data | {"pad": "x" * 54}))

    stored = json.loads(state_of(cloud, "dead letters")["StateReasonData"])
    assert stored == {"version": "1.0", "pad": "x" * 54} | kept


def test_an_unchanged_state_is_not_set_again(watched_account, cloud):
    """
    The reason of the real change is kept.
    """
    watched_account.alarms()
    watched_account.apply(StateChange(60.0, "dead letters", OK, ALARM, "changed"))
    watched_account.apply(StateChange(120.0, "dead letters", ALARM, ALARM, "acts"))

    assert state_of(cloud, "dead letters")["StateReason"] == "changed"


@pytest.mark.parametrize(
    "change",
    [
        StateChange(60.0, "dead letters", ALARM, OK, "no topic for OK"),
        StateChange(60.0, "dead letters", OK, ALARM, "suppressed", acts=False),
        StateChange(60.0, "off", OK, ALARM, "actions are off"),
    ],
    ids=lambda change: change.reason,
)
def test_only_running_actions_of_the_new_state_publish(watched_account, topic_with_reader, change):
    """
    Other changes set the state and publish nothing.
    """
    watched_account.alarms()
    watched_account.apply(change)

    assert topic_with_reader[1]() == []


def test_a_missing_region_is_an_error(monkeypatch, tmp_path):
    """
    The message names the region.
    """
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ValueError, match="region"):
        Account(None)
