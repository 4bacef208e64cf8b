"""
The Lambda function ``listing-media-callback-dispatch``: send the signed callback to the service.

Input: ``{"status", "executionArn", "error"?, "detail": <state of the execution>}``. Output: the status, the
HTTP status of the response, and the callback itself, so that the output of the execution contains it.

The secret that signs callbacks is read from Secrets Manager at a cold start. The environment holds only its
ARN: who may read the configuration of the function cannot sign callbacks.
"""

import json
from functools import lru_cache
from http import HTTPStatus

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.callback_signature import sign
from harness.service.pipeline.callback_body import callback_body, require_detail
from harness.service.pipeline.lambda_handler import Event, lambda_handler, required

TIMEOUT_S = 10
_SECRETS_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 3})
# One client per process, created at cold start: each client reads all certificates of the machine.
_CLIENT = httpx.Client(timeout=TIMEOUT_S)
_TRANSIENT_STATUSES = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@lambda_handler("callback_dispatch")
def handler(event: Event, _context: object) -> Event:
    """
    Send a callback.

    Raises:
        Rejected: The service refuses the callback (4xx); it would refuse it again.
        Retryable: The service is down, overloaded or slow.
    """
    url = required("CALLBACK_URL", "the URL of the callback endpoint")
    secret = callback_secret()
    require_detail(event)
    body = callback_body(event)
    content = json.dumps(body, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "X-Toq-Signature": sign(secret, content)}
    if body["traceparent"]:
        headers["traceparent"] = body["traceparent"]
    return {"status": body["status"], "httpStatus": _post(url, content, headers), "callback": body}


def _post(url: str, content: bytes, headers: dict[str, str]) -> int:
    try:
        response = _CLIENT.post(url, content=content, headers=headers)
    except httpx.TransportError as error:
        raise Retryable(f"CALLBACK_UNREACHABLE: {url}: {error!r}") from error
    if response.status_code >= 500 or response.status_code in _TRANSIENT_STATUSES:
        raise Retryable(f"CALLBACK_UNAVAILABLE: {url} answered {response.status_code}")
    if response.status_code == HTTPStatus.FORBIDDEN:
        forget_secret()
    if not response.is_success:
        raise Rejected(f"CALLBACK_REFUSED: {url} answered {response.status_code}: {response.text[:200]}")
    return response.status_code


def callback_secret() -> str:
    """Return the secret; raise `Retryable` if Secrets Manager does not give it."""
    arn = required("CALLBACK_SECRET_ARN", "the ARN of the secret that signs callbacks")
    try:
        return _read_secret(arn)
    except (BotoCoreError, ClientError) as error:
        raise Retryable(f"SECRET_UNAVAILABLE: {arn}: {error}") from error


def forget_secret() -> None:
    """Read the secret again at the next callback: it may have been rotated."""
    _read_secret.cache_clear()


@lru_cache(maxsize=1)
def _read_secret(arn: str) -> str:
    client = boto3.client("secretsmanager", config=_SECRETS_CONFIG)
    return str(client.get_secret_value(SecretId=arn)["SecretString"])
