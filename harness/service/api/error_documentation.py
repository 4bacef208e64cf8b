"""The OpenAPI documentation of the errors of an endpoint: every status, with an example for every reason."""

import inspect
from http import HTTPStatus
from typing import Any

from harness.service.api.error_responses import ErrorBody, status_of
from harness.service.core.errors import MediaError

_DESCRIPTIONS = {
    400: "The request is not valid; `details.errors` lists the errors by field.",
    401: "The bearer token is missing or not valid.",
    403: "The caller does not have the permission.",
    404: "The listing, batch or job does not exist, or the listing does not accept uploads.",
    409: "The current state does not allow the request.",
    410: "The upload URL has expired.",
    413: "The request body is too large.",
    500: "Internal error of the service.",
    503: "The database or a cloud service does not answer; try again.",
}

_RETRY_AFTER = {"description": "When to try again [s].", "schema": {"type": "integer", "minimum": 1}}


def errors(
    *kinds: type[MediaError], without_details: tuple[int, ...] = (401, 413, 500)
) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of the errors *kinds*, and of the statuses that have no details."""
    examples: dict[int, dict[str, Any]] = {status: {} for status in without_details}
    for kind in kinds:
        status = int(status_of(kind))
        body = {"code": status, "message": inspect.getdoc(kind), "details": {"reason": kind.reason}}
        examples.setdefault(status, {})[kind.reason] = {"value": body}
    return {status: _response(status, examples[status]) for status in sorted(examples)}


def _response(status: int, examples: dict[str, Any]) -> dict[str, Any]:
    bare = {"value": {"code": status, "message": _DESCRIPTIONS[status], "details": None}}
    response: dict[str, Any] = {
        "model": ErrorBody,
        "description": _DESCRIPTIONS[status],
        "content": {"application/json": {"examples": examples or {"default": bare}}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["headers"] = {"Retry-After": _RETRY_AFTER}
    return response
