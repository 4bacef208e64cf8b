"""
What schemathesis cannot generate: signatures of callbacks, and the ids of things that exist.

schemathesis imports this module by the variable ``SCHEMATHESIS_HOOKS``.
"""

import os
import re
from typing import Any

import requests
import schemathesis

from harness.service.api.callback_route import PATH, SIGNATURE_HEADER
from harness.service.core.model.callback_signature import sign
from harness.service.core.model.identifiers import LARGEST_INTEGER

SIGNATURE = re.compile("[0-9a-f]{64}")


class Signed(requests.auth.AuthBase):
    """Signs the body as it is sent."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        request.headers[SIGNATURE_HEADER] = sign(
            os.environ["CALLBACK_SECRET"], body.encode() if isinstance(body, str) else body
        )
        return request


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Sign callbacks whose signature has the right form; let about half of the ids exist."""
    body = case.body
    if case.operation.path == PATH:
        if SIGNATURE.fullmatch(str((case.headers or {}).get(SIGNATURE_HEADER, ""))):
            kwargs["auth"] = Signed()
        if isinstance(body, dict) and _is_id(body.get("jobId")) and len(str(body.get("status"))) % 2:
            body |= {"jobId": int(os.environ["JOB"]), "batchId": os.environ["BATCH"]}
            body.pop("listingId", None)
    elif isinstance(body, dict) and _is_id(body.get("listingId")):
        body["listingId"] = int(os.environ["LISTING"])
        if _is_batch(body.get("batchId")) and len(body["batchId"]) % 2:
            body["batchId"] = os.environ["BATCH"]


def _is_id(value: object) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_INTEGER


def _is_batch(value: object) -> bool:
    # A UUID is from a link: a batch of an earlier response.
    return isinstance(value, str) and 1 <= len(value) <= 100 and "\0" not in value and value.count("-") != 4
