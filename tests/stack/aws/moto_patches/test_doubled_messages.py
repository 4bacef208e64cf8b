"""
Messages that a fault delivers twice, from the patched queue itself.

In an interpreter of its own, because the patches replace parts of moto.
"""

import json
import subprocess
import sys

PROGRAM = """
import json, boto3
from moto import mock_aws
from harness.stack.aws.moto_patches import sqs

sqs.install(30.0, is_doubled=lambda body: body == "twice")
with mock_aws():
    queues = boto3.client("sqs", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    dead = queues.create_queue(QueueName="dead")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    url = queues.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
    for body in ("once", "twice"):
        queues.send_message(QueueUrl=url, MessageBody=body)
    received = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]
    queues.receive_message(QueueUrl=url)
    letters = queues.receive_message(QueueUrl=dead, MaxNumberOfMessages=10).get("Messages", [])
    print(json.dumps([[[one["MessageId"], one["Body"]] for one in some] for some in (received, letters)]))
"""


def test_a_doubled_message_is_two_messages():
    """
    It arrives twice, under two ids, and both become one dead letter each.
    """
    printed = subprocess.check_output([sys.executable, "-c", PROGRAM], timeout=60)
    received, letters = json.loads(printed)

    assert sorted(body for _, body in received) == ["once", "twice", "twice"]
    assert len({number for number, _ in received}) == 3
    assert sorted(letters) == sorted(received)
