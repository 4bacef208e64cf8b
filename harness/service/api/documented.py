"""
The error answers of an endpoint for the OpenAPI document: every status, with examples.
"""

from typing import Any

from harness.service.api.error_responses import ErrorBody, status_of
from harness.service.core.errors import MediaError

Responses = dict[int | str, dict[str, Any]]  # FastAPI's own type

_PHRASES = {
    400: "The request is not valid; `details.errors` says what, field by field.",
    401: "There is no bearer token, or it does not hold.",
    403: "The caller may not.",
    404: "It does not exist, or not here.",
    409: "Not in the present state.",
    410: "Too late.",
    413: "The body is too large.",
    500: "A defect of the service.",
    503: "Something the service leans on does not answer; try again.",
}


def errors(*refusals: MediaError, without_details: tuple[int, ...] = (401, 413, 500)) -> Responses:
    """
    Return the documentation of *refusals*, and of the statuses that come without details.
    """
    examples: dict[int, dict[str, Any]] = {status: {} for status in sorted(without_details)}
    for refusal in refusals:
        status = int(status_of(refusal))
        body = {"code": status, "message": str(refusal), "details": {"reason": refusal.reason}}
        examples.setdefault(status, {})[refusal.reason] = {"value": body}
    return {status: _response(status, examples[status]) for status in sorted(examples)}


def _response(status: int, examples: dict[str, Any]) -> dict[str, Any]:
    bare = {"value": {"code": status, "message": _PHRASES[status], "details": None}}
    return {
        "model": ErrorBody,
        "description": _PHRASES[status],
        "content": {"application/json": {"examples": examples or {"default": bare}}},
    }
