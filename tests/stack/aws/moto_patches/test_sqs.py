"""
Queues: visibility, redrive, depth and order, where bare moto is wrong or slow.

The time scale is 30.
"""

import json

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.stack


class TestQueues:
    @pytest.fixture
    def sqs(self, client):
        return client("sqs")

    def test_a_message_returns_after_its_visibility_time_out_and_is_then_a_dead_letter(self, sqs, unique):
        """
        A time-out of 15 s takes half a second; after two receives the message is in the dead-letter queue.
        """
        dead = sqs.create_queue(QueueName=unique("dead"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
        url = sqs.create_queue(
            QueueName=unique("work"), Attributes={"VisibilityTimeout": "15", "RedrivePolicy": redrive}
        )["QueueUrl"]
        attribute = {"Traceparent": {"DataType": "String", "StringValue": "00-ab"}}
        sqs.send_message(QueueUrl=url, MessageBody="hard", MessageAttributes=attribute)

        counts = []
        for _ in range(2):
            (message,) = sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=20, MessageSystemAttributeNames=["ApproximateReceiveCount"]
            )["Messages"]
            counts.append(message["Attributes"]["ApproximateReceiveCount"])
        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)
        (letter,) = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]

        assert counts == ["1", "2"]
        assert letter["MessageAttributes"]["Traceparent"]["StringValue"] == "00-ab"

    def test_depth_is_counted(self, sqs, unique):
        """
        Visible messages and messages in flight are counted; a deleted message is not.
        """
        url = sqs.create_queue(QueueName=unique("deep"))["QueueUrl"]
        for number in range(25):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=received[1]["ReceiptHandle"], VisibilityTimeout=0
        )
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

        assert found["ApproximateNumberOfMessages"] == "16"
        assert found["ApproximateNumberOfMessagesNotVisible"] == "8"

    def test_a_delayed_message_is_invisible_at_first(self, sqs, unique):
        """
        A delay of 30 s takes one second.
        """
        url = sqs.create_queue(QueueName=unique("late"))["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=30)

        assert "Messages" not in sqs.receive_message(QueueUrl=url)
        assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]["Body"] == "later"

    def test_an_unknown_receipt_handle_is_refused(self, sqs, unique):
        """
        A deletion needs a receipt handle of this queue.
        """
        url = sqs.create_queue(QueueName=unique("plain"))["QueueUrl"]

        with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
            sqs.delete_message(QueueUrl=url, ReceiptHandle="none")

    def test_a_purged_queue_is_empty(self, sqs, unique):
        """
        Messages in flight do not return either.
        """
        url = sqs.create_queue(QueueName=unique("full"), Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="a")
        sqs.receive_message(QueueUrl=url)
        sqs.purge_queue(QueueUrl=url)

        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)

    def test_fifo_queues_keep_their_order(self, sqs, unique):
        """
        moto's code serves FIFO queues, under the lock of the queue.
        """
        url = sqs.create_queue(
            QueueName=unique("line") + ".fifo",
            Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
        )["QueueUrl"]
        for body in ("one", "two", "two"):
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]

        assert [message["Body"] for message in received] == ["one", "two"]
