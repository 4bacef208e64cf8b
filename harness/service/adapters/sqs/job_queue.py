"""
The queue of jobs and its dead-letter queue, in SQS.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from harness.service.core.errors import Unavailable
from harness.service.core.model.message import JobMessage
from harness.service.core.ports.job_queue import JobQueue, ReceivedMessage

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

CONNECT_TIMEOUT_S = 3
LONGEST_POLL_S = 20
READ_TIMEOUT_S = LONGEST_POLL_S + 10
LARGEST_RECEIVE = 10


class SQSJobQueue(JobQueue):
    """
    A standard queue: a message may come twice, and out of order.

    Args:
        session: Region and credentials; endpoints come from ``AWS_ENDPOINT_URL_SQS`` or ``AWS_ENDPOINT_URL``.
        threads: How many callers at once share the connections [count].
    """

    def __init__(
        self, session: boto3.Session, *, queue_url: str, dead_letter_queue_url: str, threads: int = 32
    ) -> None:
        self._client = session.client(
            "sqs",
            config=Config(
                max_pool_connections=threads,
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                retries={"mode": "standard", "total_max_attempts": 2},
            ),
        )
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def send(self, message: JobMessage) -> str:
        with _answering():
            sent = self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=message.body,
                MessageAttributes={name: _attribute(value) for name, value in message.attributes.items()},
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
        try:
            with _answering():
                self._client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])
        except ClientError as error:
            raise Unavailable(f"SQS does not give us queue {self._queue_url}: {error}") from error

    def _receive(self, queue_url: str, limit: int, wait: float) -> list[ReceivedMessage]:
        with _answering():
            received = self._client.receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=min(limit, LARGEST_RECEIVE),
                WaitTimeSeconds=min(math.ceil(wait), LONGEST_POLL_S),
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        return [_message(one) for one in received.get("Messages", [])]

    def _delete(self, queue_url: str, message: ReceivedMessage) -> None:
        with _answering():
            self._client.delete_message(QueueUrl=queue_url, ReceiptHandle=message.receipt)


def _attribute(text: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": text}


def _message(one: "MessageTypeDef") -> ReceivedMessage:
    attributes = one.get("MessageAttributes", {})
    return ReceivedMessage(
        id=one["MessageId"],
        body=one["Body"],
        attributes={
            name: value["StringValue"] for name, value in attributes.items() if "StringValue" in value
        },
        receipt=one["ReceiptHandle"],
        receive_count=int(one["Attributes"]["ApproximateReceiveCount"]),
    )


@contextmanager
def _answering() -> Iterator[None]:
    """Say `Unavailable` when SQS cannot be reached, is in trouble or throttles."""
    try:
        yield
    except (NoConnection, HTTPClientError) as error:
        raise Unavailable(f"SQS does not answer: {error}") from error
    except ClientError as error:
        status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        if status >= 500 or "Throttled" in code or code.endswith("OverLimit"):
            raise Unavailable(f"SQS is in trouble: {error}") from error
        raise
