"""The job queue and its dead-letter queue in SQS."""

import math
from typing import TYPE_CHECKING

import boto3

from harness.service.aws_clients import READ_TIMEOUT_S, client_config, unavailable_errors
from harness.service.core.model.job_message import JobMessage
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

LONGEST_POLL_S = 20
LARGEST_RECEIVE = 10


class SQSJobQueue(JobQueue):
    """Standard queues: a message may be received twice, and in another order than sent."""

    def __init__(
        self, session: boto3.Session, *, queue_url: str, dead_letter_queue_url: str, threads: int = 32
    ) -> None:
        self._client = session.client(
            "sqs", config=client_config(threads=threads, read_timeout=LONGEST_POLL_S + READ_TIMEOUT_S)
        )
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def send(self, message: JobMessage) -> str:
        attributes: dict[str, MessageAttributeValueTypeDef] = {
            name: {"DataType": "String", "StringValue": text} for name, text in message.attributes.items()
        }
        with unavailable_errors("SQS"):
            sent = self._client.send_message(
                QueueUrl=self._queue_url, MessageBody=message.body, MessageAttributes=attributes
            )
        return sent["MessageId"]

    def receive(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        return self._receive(self._queue_url, limit, wait)

    def delete(self, message: ReceivedMessage) -> None:
        self._delete(self._queue_url, message)

    def receive_dead(self, *, limit: int = 10, wait: float = 0) -> list[ReceivedMessage]:
        return self._receive(self._dead_letter_queue_url, limit, wait)

    def delete_dead(self, message: ReceivedMessage) -> None:
        self._delete(self._dead_letter_queue_url, message)

    def ping(self) -> None:
        with unavailable_errors(f"SQS queue {self._queue_url}", ping=True):
            self._client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])

    def _receive(self, queue_url: str, limit: int, wait: float) -> list[ReceivedMessage]:
        with unavailable_errors("SQS"):
            received = self._client.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=min(limit, LARGEST_RECEIVE),
                WaitTimeSeconds=min(math.ceil(wait), LONGEST_POLL_S),
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [_received(message) for message in received.get("Messages", [])]

    def _delete(self, queue_url: str, message: ReceivedMessage) -> None:
        with unavailable_errors("SQS"):
            self._client.delete_message(QueueUrl=queue_url, ReceiptHandle=message.receipt)


def _received(message: "MessageTypeDef") -> ReceivedMessage:
    attributes = message.get("MessageAttributes", {})
    return ReceivedMessage(
        id=message["MessageId"],
        body=message["Body"],
        attributes={
            name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value
        },
        receipt=message["ReceiptHandle"],
        receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
    )
