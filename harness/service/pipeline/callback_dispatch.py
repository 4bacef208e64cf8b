"""
The Lambda function ``listing-media-callback-dispatch``: send the signed callback to the service.

Input: ``{"status", "executionArn", "error"?, "detail": <state of the execution>}`` from the state machine, or
an EventBridge event (`harness.service.pipeline.callback.status_events`). Output: the status of the callback
and the HTTP status of the response.
"""

import json
import os
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import httpx

from harness.service.adapters.opentelemetry.function_tracing import current_tracer
from harness.service.adapters.stepfunctions.workflow import StepFunctionsWorkflow
from harness.service.aws_clients import aws_session
from harness.service.core.errors import Rejected, Retryable, Unavailable
from harness.service.core.model.callback_signature import sign
from harness.service.core.ports.tracer import SpanKind
from harness.service.pipeline.callback.callback_body import callback_body, require_detail
from harness.service.pipeline.callback.callback_secret import callback_secret, forget_secret
from harness.service.pipeline.callback.status_events import event_body, is_status_event
from harness.service.pipeline.lambda_handler import Event, lambda_handler, required

TIMEOUT_S = 10
# One client per process, created at cold start: each client reads all certificates of the machine.
_CLIENT = httpx.Client(timeout=TIMEOUT_S)
_FINAL_STATUSES = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
"""The service has read the callback and refuses its content. 403 is not final: while the secret is rotated,
function and service have different ones for a short time."""


@lambda_handler("callback_dispatch", prepare=callback_secret)
def handler(event: Event, _context: object) -> Event:
    """
    Send a callback.

    Raises:
        Rejected: The service refuses the content of the callback; it would refuse it again.
        Retryable: The service is down, overloaded or slow, or something else answers in its place.
    """
    if is_status_event(event):
        body = event_body(event, _finished_work)
    else:
        require_detail(event)
        body = callback_body(event)
    if body is None:
        return {"status": "IGNORED", "httpStatus": None}
    return {"status": body["status"], "httpStatus": _send(body)}


def _send(body: Mapping[str, Any]) -> int:
    url = required("CALLBACK_URL", "the URL of the callback endpoint")
    secret = callback_secret()
    tracer = current_tracer()
    with tracer.span("post_callback", kind=SpanKind.CLIENT):
        traceparent = tracer.traceparent() or ""
        traced = {**body, "traceparent": traceparent}
        content = json.dumps(traced, separators=(",", ":"), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "X-Toq-Signature": sign(secret, content)}
        return _post(url, content, headers | {"traceparent": traceparent})


def _post(url: str, content: bytes, headers: dict[str, str]) -> int:
    try:
        response = _CLIENT.post(url, content=content, headers=headers)
    except httpx.TransportError as error:
        raise Retryable(f"CALLBACK_UNREACHABLE: {url}: {error!r}") from error
    if response.status_code == HTTPStatus.FORBIDDEN:
        forget_secret()  # it may have been rotated
    if _is_final(response):
        raise Rejected(f"CALLBACK_REFUSED: {url} answered {response.status_code}: {response.text[:200]}")
    if not response.is_success:
        raise Retryable(f"CALLBACK_UNAVAILABLE: {url} answered {response.status_code}")
    return response.status_code


def _is_final(response: httpx.Response) -> bool:
    """Return whether the service itself refused the callback: a proxy answers 404 while no service runs."""
    if response.status_code not in _FINAL_STATUSES:
        return False
    try:
        document = response.json()
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("code") == response.status_code


def _finished_work(arn: str) -> Mapping[str, Any] | None:
    try:
        return _workflow(arn.rpartition(":")[0].replace(":execution:", ":stateMachine:")).finished_work(arn)
    except Unavailable as error:
        raise Retryable(str(error)) from error


@cache
def _workflow(state_machine_arn: str) -> StepFunctionsWorkflow:
    session = aws_session(os.environ.get("AWS_REGION", "us-east-1"))
    return StepFunctionsWorkflow(session, state_machine_arn=state_machine_arn, threads=1)
