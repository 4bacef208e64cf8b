"""
The translation of AWS errors into `Unavailable`.
"""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from harness.service.aws_clients import is_transient, unavailable_errors
from harness.service.core.errors import Unavailable


def client_error(status: int, code: str) -> ClientError:
    response = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (500, "InternalError"),
        (429, "TooManyRequests"),
        (400, "ThrottlingException"),
        (400, "RequestThrottled"),
        (400, "ExecutionLimitExceeded"),
        (403, "OverLimit"),
        (503, "SlowDown"),
        (400, "RequestTimeout"),
        (403, "RequestTimeTooSkewed"),
        (403, "InvalidSignatureException"),
        (400, "AWS.SimpleQueueService.NonExistentQueue"),
        (400, "StateMachineDoesNotExist"),
        (404, "NoSuchBucket"),
    ],
)
def test_throttling_and_internal_errors_are_transient(status, code):
    """
    The same request may succeed later.
    """
    assert is_transient(client_error(status, code))


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (404, "NoSuchKey")])
def test_other_errors_pass(status, code):
    """
    A missing permission is a defect of the deployment, a missing key one of the caller: not translated.
    """
    with pytest.raises(ClientError, match=code), unavailable_errors("S3"):
        raise client_error(status, code)


def test_a_connection_error_names_the_resource():
    """
    The message has the name of the resource that does not answer.
    """
    with (
        pytest.raises(Unavailable, match="SQS does not answer: Connect timeout"),
        unavailable_errors("SQS"),
    ):
        raise ConnectTimeoutError(endpoint_url="http://sqs")


def test_a_ping_translates_every_error_response():
    """
    A resource that refuses the ping is not available.
    """
    with (
        pytest.raises(Unavailable, match=r"S3 bucket b is not available: .*\(404\)"),
        unavailable_errors("S3 bucket b", ping=True),
    ):
        raise client_error(404, "404")
