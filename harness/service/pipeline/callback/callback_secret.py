"""
The secret that signs callbacks, read from Secrets Manager at a cold start.

The function's environment holds only the ARN: who may read its configuration cannot sign callbacks.
"""

from functools import lru_cache

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.service.core.errors import Retryable
from harness.service.pipeline.lambda_handler import required

_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})


def callback_secret() -> str:
    """Return the secret; raise `Retryable` if Secrets Manager does not give it."""
    arn = required("CALLBACK_SECRET_ARN", "the ARN of the secret that signs callbacks")
    try:
        return _read(arn)
    except (BotoCoreError, ClientError) as error:
        raise Retryable(f"SECRET_UNAVAILABLE: {arn}: {error}") from error


def forget_secret() -> None:
    """Read the secret again at the next callback: it may have been rotated."""
    _read.cache_clear()


@lru_cache(maxsize=1)
def _read(arn: str) -> str:
    client = boto3.client("secretsmanager", config=_CONFIG)
    return str(client.get_secret_value(SecretId=arn)["SecretString"])
