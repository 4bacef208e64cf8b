"""
The parts of the SQS adapter outside the contract: network errors.
"""

import socket

import boto3
import pytest

from harness.service.adapters.sqs.job_queue import SQSJobQueue
from harness.service.core.errors import Unavailable
from harness.service.core.model.identifiers import BatchId, JobId, ListingId
from harness.service.core.model.job_message import JobMessage

MESSAGE = JobMessage(JobId(1), BatchId("b"), ListingId(7), 1, ())
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


def test_a_queue_that_cannot_be_reached_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    No server listens: every call raises `Unavailable`.
    """
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        queue = SQSJobQueue(
            boto3.Session(**CREDENTIALS), queue_url=f"{url}/1/q", dead_letter_queue_url=f"{url}/1/d"
        )

        with pytest.raises(Unavailable, match="SQS does not answer"):
            queue.send(MESSAGE)
        with pytest.raises(Unavailable, match="SQS does not answer"):
            queue.receive()
        with pytest.raises(Unavailable, match=f"SQS queue {url}/1/q does not answer"):
            queue.ping()


@pytest.mark.stack
def test_a_missing_queue_is_not_ready(aws: boto3.Session, moto_url: str) -> None:
    """
    The server answers, but has no such queue.
    """
    url = f"{moto_url}/123456789012/missing-resource"

    with pytest.raises(Unavailable, match="missing-resource"):
        SQSJobQueue(aws, queue_url=url, dead_letter_queue_url=url).ping()
