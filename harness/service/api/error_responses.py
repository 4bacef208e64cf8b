"""
The one body every error has, and which error gets which status.

``{"code": <HTTP status>, "message": <English sentence>, "details": {"reason": "STABLE_CODE", …} | null}``
"""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from harness.service.api.auth import Unauthenticated
from harness.service.api.body import BODY_LIMIT, BodyTooLarge
from harness.service.api.telemetry import facts_of
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
COMPLAINTS = 100
"""Most complaints one answer lists: a hopeless body must not earn an endless answer."""

log = logging.getLogger(__name__)


class FieldComplaint(BaseModel):
    field: str = Field(examples=["files[0].bytes"])
    message: str = Field(examples=["must be 1 to 268435456 bytes"])


class ErrorDetails(BaseModel):
    reason: str = Field(description="Stable code.", examples=["BATCH_NOT_FOUND"])
    errors: list[FieldComplaint] | None = Field(None, description="With 400 only: what is wrong, by field.")


class ErrorBody(BaseModel):
    """What every error answers."""

    code: int = Field(description="The HTTP status again.", examples=[404])
    message: str = Field(description="What happened, for people.", examples=["There is no such batch."])
    details: ErrorDetails | None = Field(description="Null when the status says it all.")


def error_response(
    status: int,
    message: str,
    reason: str | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    **more: object,
) -> JSONResponse:
    details = None if reason is None else {"reason": reason, **more}
    body = {"code": int(status), "message": message, "details": details}
    return JSONResponse(body, status_code=int(status), headers=dict(headers or {}))


def install(app: FastAPI) -> None:
    """Make *app* answer every error in our body."""
    app.add_exception_handler(MediaError, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(Unauthenticated, _unauthenticated)
    app.add_exception_handler(BodyTooLarge, _too_large)
    app.add_exception_handler(HTTPException, _framework)


def status_of(error: MediaError) -> HTTPStatus:
    """Return the status of the nearest ancestor in the tree of errors."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MediaError)  # noqa: S101 -- what it is registered for
    facts_of(request).update(reason=error.reason, refusal=error.message)
    status = status_of(error)
    if isinstance(error, Invalid):
        complaints = _listed(error.errors or _whole(error))
        return error_response(status, error.message, error.reason, errors=complaints)
    return error_response(status, error.message, error.reason)


async def _not_valid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- what it is registered for
    complaints = [FieldError(_field(each["loc"]), _sentence(each)) for each in error.errors()[:COMPLAINTS]]
    return await _refused(request, ManifestInvalid("The request is not valid.", complaints))


async def _unauthenticated(request: Request, error: Exception) -> JSONResponse:
    facts_of(request).update(refusal=str(error))
    return error_response(HTTPStatus.UNAUTHORIZED, str(error), headers={"WWW-Authenticate": "Bearer"})


async def _too_large(_request: Request, _error: Exception) -> JSONResponse:
    # The rest of the body is not read, so the connection cannot serve another request.
    return error_response(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The request body is larger than {BODY_LIMIT} bytes.",
        headers={"Connection": "close"},
    )


async def _framework(_request: Request, error: Exception) -> JSONResponse:
    """Unknown paths and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 -- what it is registered for
    return error_response(error.status_code, f"{error.detail}.", headers=error.headers)


def _listed(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    return [{"field": error.field, "message": error.message} for error in errors[:COMPLAINTS]]


def _whole(error: Invalid) -> Sequence[FieldError]:
    return (FieldError("body", error.message),)


def _field(location: Sequence[str | int]) -> str:
    """``("body", "files", 0, "clientId")`` is ``files[0].clientId``; the body itself is ``body``."""
    name = ""
    for part in location[1:]:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else str(part)
    return name or "body"


def _sentence(error: Mapping[str, Any]) -> str:  # as pydantic reports it
    return str(error["msg"]).removeprefix("Value error, ")
