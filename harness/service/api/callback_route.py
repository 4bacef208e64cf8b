"""
The internal endpoint for the callbacks of the pipeline, at the start and end of an execution.

A callback is authenticated by its signature, not by a bearer token. The signature of the raw body is checked
before the body is parsed.
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from harness.service.api.authenticated_call import CurrentService
from harness.service.api.error_documentation import errors
from harness.service.api.request_body import BoundedRequest
from harness.service.api.response_models import CallbackAccepted, answer
from harness.service.api.telemetry import log_fields_of
from harness.service.core.errors import CallbackInvalid, JobNotFound, SignatureInvalid, Unavailable
from harness.service.core.model.callback import (
    KEY_LENGTH,
    LABEL_LENGTH,
    LARGEST_SIDE,
    LONGEST_DURATION,
    CallbackStatus,
    ProcessingCallback,
)
from harness.service.core.model.callback_signature import verify
from harness.service.core.model.identifiers import LARGEST_INTEGER
from harness.service.core.ports.instruments import Instruments

PATH = "/internal/media-processing/callback"
SIGNATURE_HEADER = "X-Toq-Signature"


class SignedRoute(APIRoute):
    """
    A route that checks the signature before it parses the body, and counts the callbacks that fail.

    Requests without a valid signature are counted apart: anybody can send them.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def signed(request: Request) -> Response:
            bounded = BoundedRequest(request.scope, request.receive)
            instruments: Instruments = request.app.state.service.instruments
            try:
                body = await bounded.body()
                verify(request.app.state.callback_secret, body, request.headers.get(SIGNATURE_HEADER))
            except ClientDisconnect:
                raise
            except Exception:
                instruments.callback_unsigned()
                raise
            try:
                request.state.callback = ProcessingCallback.parse(await bounded.json())
                return await handle(bounded)
            except Exception:
                instruments.callback_failed()
                raise

        return signed


routes = APIRouter(tags=["pipeline"], route_class=SignedRoute)


def _text(length: int) -> dict[str, Any]:
    return {"type": ["string", "null"], "maxLength": length}


_LONG_TEXT = {"type": ["string", "null"]}
_NUMBER = {"type": ["number", "null"], "minimum": 0, "maximum": LARGEST_INTEGER}
_INTEGER = {"type": ["integer", "null"], "minimum": 0, "maximum": LARGEST_INTEGER}
_ID = {"type": ["integer", "string"], "minimum": 0, "maximum": LARGEST_INTEGER, "pattern": "^[0-9]{1,15}$"}
_KEY = _text(KEY_LENGTH)
_BY_LABEL = {
    "type": ["object", "null"],
    "propertyNames": {"maxLength": LABEL_LENGTH},
    "additionalProperties": _KEY,
}
_OUTPUT = {
    "type": "object",
    "required": ["rawKey"],
    "properties": {
        "rawKey": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
        **dict.fromkeys(("outputs", "resolutions"), _BY_LABEL),
        "durationSeconds": _NUMBER | {"maximum": LONGEST_DURATION},
        **dict.fromkeys(("width", "height"), _INTEGER | {"maximum": LARGEST_SIDE}),
        **dict.fromkeys(("processedKey", "thumbnailKey"), _KEY),
        **dict.fromkeys(("errorCode", "errorMessage"), _LONG_TEXT),
    },
}
_ZIP = {
    "type": ["object", "null"],
    "properties": {"key": _KEY, "bytes": _INTEGER, "assets": _INTEGER},
}
_STEP = {
    "type": ["object", "null"],
    "description": "Progress of one step; only with the status RUNNING.",
    "required": ["name", "status", "at"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 80},
        "item": _INTEGER,
        "status": {"type": "string", "enum": ["RUNNING", "SUCCEEDED", "FAILED"]},
        "progress": _NUMBER,
        "at": {"type": "string", "format": "date-time", "maxLength": 40},
    },
}
_BODY = {
    "type": "object",
    "required": ["jobId", "status"],
    "properties": {
        "jobId": _ID,
        "listingId": _ID | {"type": ["integer", "string", "null"]},
        "batchId": _text(36),
        "status": {"type": "string", "enum": list(CallbackStatus)},
        "provider": _text(50),
        "startedAt": _text(40) | {"format": "date-time"},
        "outputs": {"type": ["array", "null"], "items": _OUTPUT},
        "zip": _ZIP,
        "step": _STEP,
        "error": {"type": ["string", "object", "null"]},
        "failureReason": _LONG_TEXT,
        "externalId": _text(255) | {"pattern": "^[\\x00-\\x7F]*$"},
        "traceparent": _text(255),
    },
    "examples": [{"jobId": 7, "status": "RUNNING", "externalId": "arn:aws:states:…:execution:…"}],
}


@routes.post(
    PATH,
    response_model=CallbackAccepted,
    responses=errors(CallbackInvalid, SignatureInvalid, JobNotFound, Unavailable, without_details=(413, 500)),
    openapi_extra={
        "parameters": [
            {
                "name": SIGNATURE_HEADER,
                "in": "header",
                "required": True,
                "description": "Lower-case hex HMAC-SHA256 of the raw body with the shared secret.",
                "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
    },
)
def handle_processing_callback(request: Request, service: CurrentService) -> Response:
    """Report the state of an execution of the pipeline. A repeated callback has no effect."""
    callback: ProcessingCallback = request.state.callback
    log_fields = log_fields_of(request)
    log_fields.update(job_id=callback.job_id, callback_status=callback.status)
    outcome = service.handle_processing_callback(callback)
    log_fields.update(batch_id=outcome.batch.id, listing_id=outcome.batch.listing_id, changed=outcome.changed)
    return answer(HTTPStatus.OK, CallbackAccepted, outcome)
