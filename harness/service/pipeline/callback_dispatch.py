"""
The Lambda function ``listing-media-callback-dispatch``: send the signed callback to the service.

Input: ``{"status", "executionArn", "error"?, "detail": <state of the execution>}``. Output: the status, the
HTTP status of the response, and the callback itself, so that the output of the execution contains it.
"""

import json
from http import HTTPStatus

import httpx

from harness.service.adapters.opentelemetry.function_tracing import current_tracer
from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.callback_signature import sign
from harness.service.core.ports.tracer import SpanKind
from harness.service.pipeline.callback_body import callback_body, require_detail
from harness.service.pipeline.lambda_handler import Event, lambda_handler, required

TIMEOUT_S = 10
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
    secret = required("CALLBACK_SECRET", "the secret that signs callbacks")
    require_detail(event)
    tracer = current_tracer()
    with tracer.span("post_callback", kind=SpanKind.CLIENT):
        traceparent = tracer.traceparent() or ""
        body = callback_body(event) | {"traceparent": traceparent}
        content = json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", "X-Toq-Signature": sign(secret, content)}
        status = _post(url, content, headers | {"traceparent": traceparent})
    return {"status": body["status"], "httpStatus": status, "callback": body}


def _post(url: str, content: bytes, headers: dict[str, str]) -> int:
    try:
        response = _CLIENT.post(url, content=content, headers=headers)
    except httpx.TransportError as error:
        raise Retryable(f"CALLBACK_UNREACHABLE: {url}: {error!r}") from error
    if response.status_code >= 500 or response.status_code in _TRANSIENT_STATUSES:
        raise Retryable(f"CALLBACK_UNAVAILABLE: {url} answered {response.status_code}")
    if not response.is_success:
        raise Rejected(f"CALLBACK_REFUSED: {url} answered {response.status_code}: {response.text[:200]}")
    return response.status_code
