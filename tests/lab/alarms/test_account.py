"""
Alarms of an endpoint: read, set, and their topics told.
"""

import json

import pytest

from harness.lab.alarms.account import Account
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.live import Move

OK, ALARM = AlarmState.OK, AlarmState.ALARM
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}

pytestmark = pytest.mark.stack


@pytest.fixture
def topic_with_reader(aws):
    """A topic, and a function that returns the messages it was sent."""
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    queue = aws.client("sqs").create_queue(QueueName="alerts-reader")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:alerts-reader"
    aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def read() -> list[dict]:
        received = aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        return [json.loads(json.loads(one["Body"])["Message"]) for one in received.get("Messages", ())]

    return topic, read


@pytest.fixture
def watched_account(aws, moto_url, topic_with_reader):
    """An account with one alarm that tells the topic when it fires, and a composite that is not to act."""
    client = aws.client("cloudwatch")
    client.put_metric_alarm(
        AlarmName="dead letters", Namespace="AWS/SQS", MetricName="Visible", Statistic="Maximum", Period=60,
        EvaluationPeriods=1, Threshold=0, ComparisonOperator="GreaterThanThreshold",
        Dimensions=[{"Name": "QueueName", "Value": "dlq"}], AlarmActions=[topic_with_reader[0]],
        TreatMissingData="notBreaching",
    )  # fmt: skip
    account = Account(moto_url, CREDENTIALS)
    yield account
    client.delete_alarms(AlarmNames=["dead letters"])


def test_the_alarms_are_read(watched_account):
    """
    As the judge evaluates them.
    """
    (alarm,), _ = watched_account.alarms()

    assert (alarm.name, alarm.period, alarm.metrics[0][1].labels) == (
        "dead letters",
        60,
        {"QueueName": "dlq"},
    )


def test_a_move_is_seen_by_describe_alarms_and_by_the_topic(watched_account, aws, topic_with_reader):
    """
    With reason and reason data, and the message CloudWatch would send.
    """
    watched_account.alarms()
    watched_account.tell(
        Move(60.0, "dead letters", OK, ALARM, "Threshold Crossed: …", {"version": "1.0", "period": 60})
    )

    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=["dead letters"])["MetricAlarms"]
    (message,) = topic_with_reader[1]()
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "Threshold Crossed: …")
    assert json.loads(alarm["StateReasonData"]) == {"version": "1.0", "period": 60}
    assert (message["NewStateValue"], message["OldStateValue"]) == ("ALARM", "OK")
    assert (message["AlarmName"], message["AWSAccountId"]) == ("dead letters", "123456789012")
    assert message["StateChangeTime"] == "1970-01-01T00:01:00.000+0000"
    assert message["Trigger"]["Dimensions"] == [{"name": "QueueName", "value": "dlq"}]


@pytest.mark.parametrize(
    "move",
    [
        Move(60.0, "dead letters", ALARM, OK, "no topic for OK"),
        Move(60.0, "dead letters", OK, ALARM, "suppressed", acts=False),
    ],
    ids=lambda move: move.reason,
)
def test_only_actions_of_the_state_that_run_are_told(watched_account, topic_with_reader, move):
    """
    Other moves set the state and tell nobody.
    """
    watched_account.alarms()
    watched_account.tell(move)

    assert topic_with_reader[1]() == []


def test_without_a_region_it_says_so(monkeypatch, tmp_path):
    """
    In one sentence.
    """
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(ValueError, match="region"):
        Account(None)
