"""
The faults of requests to the local AWS, in front of the servers: throttled, failed or slow requests.

The gate strikes only during a run: before, the stack creates the resources of the template.
"""

import time
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from harness.lab.workload.faults.api_faults import (
    ApiDelay,
    ApiFault,
    ApiInternalError,
    ApiThrottleError,
    ApiUnavailableError,
)
from harness.lab.workload.faults.struck_requests import StruckRequests
from harness.lab.workload.scenario import Scenario
from harness.stack.aws.error_answer import error_body
from harness.stack.modelled.run_clock import RunClock

ERRORS = {
    ApiThrottleError: ("400 Bad Request", "ThrottlingException"),
    ApiInternalError: ("500 Internal Server Error", "InternalFailure"),
    ApiUnavailableError: ("503 Service Unavailable", "ServiceUnavailable"),
}
S3_ERRORS = {
    ApiThrottleError: ("503 Slow Down", "SlowDown"),
    ApiInternalError: ("500 Internal Server Error", "InternalError"),
    ApiUnavailableError: ("503 Service Unavailable", "ServiceUnavailable"),
}
TARGETS = {"AmazonSQS": "sqs", "AWSStepFunctions": "states"}
MESSAGE = "injected by the scenario's faults"

Operation = Callable[[WSGIEnvironment], tuple[str, str]]
"""Returns the service and the operation of a request."""


class ApiFaultGate:
    """WSGI middleware that lets the faults of a scenario strike requests."""

    def __init__(
        self,
        application: WSGIApplication,
        scenario: Scenario,
        clock: RunClock,
        operation: Operation,
        time_scale: float,
    ) -> None:
        self._application = application
        self._operation = operation
        self._clock = clock
        self._time_scale = time_scale
        self._struck = StruckRequests(scenario, lambda: clock.now() * time_scale)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self._clock.has_begun:
            return self._application(environ, start_response)
        asked = self._operation(environ)
        for fault, draw in self._struck.strike(ApiFault, lambda fault: fault.concerns(*asked)):
            if isinstance(fault, ApiDelay):
                time.sleep(max(0.0, fault.delay.sample(draw)) / self._time_scale)
            else:
                return _refuse(environ, start_response, type(fault))
        return self._application(environ, start_response)


def operation_of(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the service and the operation of a request with JSON; empty for other requests."""
    target, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
    return TARGETS.get(target, ""), operation


def s3_operation_of(environ: WSGIEnvironment) -> tuple[str, str]:
    """Return the operation of a request of S3, by its method and query; empty for other requests."""
    method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
    if "list-type=2" in query:
        return "s3", "ListObjectsV2"
    if "tagging" in query.split("&"):
        return "s3", "PutObjectTagging" if method == "PUT" else ""
    names = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
    return "s3", names.get(method, "")


def _refuse(environ: WSGIEnvironment, start_response: StartResponse, kind: type[ApiFault]) -> Iterable[bytes]:
    # The connection stays open: the rest of the body would be read as the next request.
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if s3_operation_of(environ)[1] and "HTTP_X_AMZ_TARGET" not in environ:
        status, code = S3_ERRORS[kind]
        body = f"<Error><Code>{code}</Code><Message>{MESSAGE}</Message></Error>".encode()
        headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
    status, code = ERRORS[kind]
    body, headers = error_body(environ, code, MESSAGE)
    start_response(status, headers)
    return [body]
