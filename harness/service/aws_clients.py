"""The AWS clients of the service: session, time-outs [s], and the errors after which callers try again."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.utils import parse_timestamp

from harness.service.core.errors import Unavailable

CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
CONNECTION_ERRORS = (NoConnection, HTTPClientError, IncompleteReadError)
"""Errors of the connection to AWS: there is no complete response."""
_TRANSIENT_CODES = {
    "RequestTimeout",
    "SlowDown",
    # The clock of this machine is wrong, or its credentials are being replaced.
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    # It is being created: with the deployment, or again by a local AWS that has lost its memory.
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "StateMachineDoesNotExist",
}


def aws_session(region: str) -> boto3.Session:
    """Return a session of its own: the default session must not be shared between threads."""
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_timestamp)
    return boto3.Session(botocore_session=core, region_name=region)


def client_config(*, threads: int, read_timeout: float = READ_TIMEOUT_S, **options: str) -> Config:
    """Return the configuration of a client that *threads* threads share; *options* are those of botocore."""
    return Config(
        max_pool_connections=threads,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": 2},
        **options,  # type: ignore[arg-type]  # all options of this service are texts
    )


def error_status(error: ClientError) -> int:
    """Return the HTTP status of an error response."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def is_transient(error: ClientError) -> bool:
    """Return whether the same request may succeed later: AWS throttles, or has an internal error."""
    status, code = error_status(error), error.response["Error"]["Code"]
    throttled = "Throttl" in code or code.endswith(("OverLimit", "LimitExceeded"))
    return status >= 500 or status == 429 or throttled or code in _TRANSIENT_CODES


@contextmanager
def unavailable_errors(resource: str, *, ping: bool = False) -> Iterator[None]:
    """Raise `Unavailable` for connection errors and transient errors, with *ping* for all error responses."""
    try:
        yield
    except CONNECTION_ERRORS as error:
        raise Unavailable(f"{resource} does not answer: {error}") from error
    except ClientError as error:
        if ping or is_transient(error):
            raise Unavailable(f"{resource} is not available: {error}") from error
        raise


def _timestamp(value: str | float) -> datetime:
    """Parse a timestamp of AWS; the parser of botocore reads the local time zone again for every value."""
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else parse_timestamp(value)
