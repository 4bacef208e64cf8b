"""
Lambda ``listing-media-callback-dispatch``: tell the backend how a run ended, signed.

In: ``{"status", "executionArn", "error"?, "detail": <state of the execution>}``. Out: the status told,
the answer's HTTP status, and the callback itself, so that the execution's output keeps it on record.
"""

import json
from http import HTTPStatus

import httpx

from harness.service.core.errors import Rejected, Retryable
from harness.service.core.model.signature import sign
from harness.service.pipeline.consolidation import callback_body, require_detail
from harness.service.pipeline.entry import Event, entry, required

TIMEOUT_S = 10
# One per process, made at cold start: each new one reads all the certificates of the machine.
_CLIENT = httpx.Client(timeout=TIMEOUT_S)
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


@entry("callback_dispatch")
def handler(event: Event, _context: object) -> Event:
    """
    Post a callback.

    Raises:
        Rejected: The backend refuses it (4xx): it would refuse it again.
        Retryable: The backend is down, busy or slow.
    """
    url = required("CALLBACK_URL", "where the backend takes callbacks")
    secret = required("CALLBACK_SECRET", "with which callbacks are signed")
    require_detail(event)
    body = callback_body(event)
    content = json.dumps(body, separators=(",", ":")).encode()
    status = _post(url, content, _headers(secret, content, body["traceparent"]))
    return {"status": body["status"], "httpStatus": status, "callback": body}


def _headers(secret: str, content: bytes, traceparent: str | None) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "X-Toq-Signature": sign(secret, content)}
    return headers | ({"traceparent": traceparent} if traceparent else {})


def _post(url: str, content: bytes, headers: dict[str, str]) -> int:
    try:
        answer = _CLIENT.post(url, content=content, headers=headers)
    except httpx.TransportError as error:
        raise Retryable(f"CALLBACK_UNREACHABLE: {url}: {error!r}") from error
    if answer.status_code >= 500 or answer.status_code in _PASSING:
        raise Retryable(f"CALLBACK_UNAVAILABLE: {url} answered {answer.status_code}")
    if not answer.is_success:
        raise Rejected(f"CALLBACK_REFUSED: {url} answered {answer.status_code}: {answer.text[:200]}")
    return answer.status_code
