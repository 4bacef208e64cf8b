"""
The error responses: the common body, and the status of each error.

``{"code": <HTTP status>, "message": <English sentence>, "details": {"reason": "STABLE_CODE", …} | null}``
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from harness.service.api.bearer_token import Unauthenticated
from harness.service.api.request_body import BODY_LIMIT, BodyTooLarge
from harness.service.api.telemetry import CLIENT_LEFT, log_fields_of
from harness.service.core.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    ManifestInvalid,
    MediaError,
    NotFound,
    Unavailable,
)

STATUSES: Mapping[type[MediaError], HTTPStatus] = {
    Invalid: HTTPStatus.BAD_REQUEST,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Gone: HTTPStatus.GONE,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
RETRY_AFTER = 1
"""Value of ``Retry-After`` with status 503 [s]."""
FIELD_ERRORS_MAX = 100
"""Largest number of field errors in one response, so that the response stays small."""

log = logging.getLogger(__name__)


class FieldComplaint(BaseModel):
    field: str = Field(examples=["files[0].bytes"])
    message: str = Field(examples=["must be 1 to 268435456 bytes"])


class ErrorDetails(BaseModel):
    reason: str = Field(description="Stable code.", examples=["BATCH_NOT_FOUND"])
    errors: list[FieldComplaint] | None = Field(
        None, description="The errors by field; with status 400 only."
    )


class ErrorBody(BaseModel):
    """The body of every error response."""

    code: int = Field(description="The HTTP status.", examples=[404])
    message: str = Field(description="What happened, for people.", examples=["There is no such batch."])
    details: ErrorDetails | None = Field(description="Null if the status is sufficient.")


def error_response(
    status: int,
    message: str,
    reason: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> JSONResponse:
    """Return the response to an error; *more* are further details, with *reason* only."""
    details = None if reason is None else {"reason": reason, **more}
    body = {"code": int(status), "message": message, "details": details}
    return JSONResponse(body, status_code=int(status), headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Register the handlers of all errors."""
    app.exception_handler(MediaError)(_refused)
    app.exception_handler(RequestValidationError)(_not_valid)
    app.exception_handler(Unauthenticated)(_unauthenticated)
    app.exception_handler(BodyTooLarge)(_too_large)
    app.exception_handler(HTTPException)(_framework)
    app.exception_handler(ClientDisconnect)(_left)


def status_of(kind: type[MediaError]) -> HTTPStatus:
    """Return the status of an error class or of its nearest base class in `STATUSES`."""
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


async def _refused(request: Request, error: MediaError) -> JSONResponse:
    log_fields_of(request).update(reason=error.reason, refusal=str(error))
    status = status_of(type(error))
    if isinstance(error, Invalid):
        errors = error.errors or (FieldError("body", str(error)),)
        listed = [asdict(each) for each in errors[:FIELD_ERRORS_MAX]]
        return error_response(status, str(error), error.reason, errors=listed)
    headers = {"Retry-After": str(RETRY_AFTER)} if isinstance(error, Unavailable) else None
    return error_response(status, str(error), error.reason, headers=headers)


async def _not_valid(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = [
        FieldError(_field(each["loc"]), str(each["msg"]).removeprefix("Value error, "))
        for each in error.errors()[:FIELD_ERRORS_MAX]
    ]
    return await _refused(request, ManifestInvalid("The request is not valid.", errors))


async def _unauthenticated(request: Request, error: Unauthenticated) -> JSONResponse:
    log_fields_of(request).update(refusal=str(error))
    return error_response(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Bearer"})


async def _too_large(_request: Request, _error: BodyTooLarge) -> JSONResponse:
    # The rest of the body is not read, so the connection cannot be used for another request.
    return error_response(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The request body is larger than {BODY_LIMIT} bytes.",
        headers={"Connection": "close"},
    )


async def _framework(_request: Request, error: HTTPException) -> JSONResponse:
    """Answer for an unknown path or method."""
    return error_response(error.status_code, f"{error.detail}.", headers=error.headers)


async def _left(_request: Request, _error: ClientDisconnect) -> Response:
    """Return the response to a client that has left before its body ended: only the log has its status."""
    return Response(status_code=CLIENT_LEFT)


def _field(location: Sequence[str | int]) -> str:
    """Return ``files[0].clientId`` for ``("body", "files", 0, "clientId")``; the body itself is ``body``."""
    name = ""
    for part in location[1:]:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name or "body"
