"""
The secret that signs callbacks: read once, and again after it was forgotten.
"""

import boto3
import pytest
from botocore.stub import Stubber

from harness.service.core.errors import Retryable
from harness.service.pipeline.callback.callback_secret import callback_secret, forget_secret

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:toq-media/callback-secret"


@pytest.fixture
def manager(monkeypatch):
    """Secrets Manager, which answers what the test tells it to."""
    monkeypatch.setenv("CALLBACK_SECRET_ARN", ARN)
    client = boto3.client(
        "secretsmanager", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    monkeypatch.setattr("boto3.client", lambda *_, **__: client)
    forget_secret()
    with Stubber(client) as stub:
        yield stub
    forget_secret()


def test_it_is_read_once_until_it_is_forgotten(manager):
    """A rotated secret is found after `forget_secret`."""
    for value in ("one", "two"):
        manager.add_response("get_secret_value", {"SecretString": value}, {"SecretId": ARN})

    assert [callback_secret(), callback_secret()] == ["one", "one"]
    forget_secret()
    assert callback_secret() == "two"


def test_a_refusal_is_retried_by_the_state_machine(manager):
    """The message has the ARN and the error of Secrets Manager, and no value is kept."""
    manager.add_client_error("get_secret_value", "AccessDeniedException")
    manager.add_response("get_secret_value", {"SecretString": "one"}, {"SecretId": ARN})

    with pytest.raises(Retryable, match=rf"^SECRET_UNAVAILABLE: {ARN}: .*AccessDenied"):
        callback_secret()
    assert callback_secret() == "one"
