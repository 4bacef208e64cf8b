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
PHOTO = {"mediaType": "PHOTO_HORIZONTAL", "orientation": "HORIZONTAL", "contentType": "image/jpeg"}


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
    path, body = case.operation.path, case.body
    if path == PATH and SIGNATURE.fullmatch(str((case.headers or {}).get(SIGNATURE_HEADER, ""))):
        kwargs["auth"] = Signed()
    if not isinstance(body, dict):
        return
    if path == PATH:
        _use_known_job(body)
    elif _is_id(body.get("listingId")):
        _use_known_batch(body)
    if path.endswith("/uploads") and case.meta and case.meta.generation.mode.is_positive:
        body.pop("replacesBatchId", None)
        body["files"] = [file | _consistent(number) for number, file in enumerate(body["files"], 1)]


def _use_known_job(callback: dict[str, Any]) -> None:
    if _is_id(callback.get("jobId")) and len(str(callback.get("status"))) % 2:
        callback |= {"jobId": int(os.environ["JOB"]), "batchId": os.environ["BATCH"]}
        callback.pop("listingId", None)


def _use_known_batch(body: dict[str, Any]) -> None:
    batch = body.get("batchId")
    # A UUID is of a batch that schemathesis has created.
    if ("files" in body and batch is None) or (isinstance(batch, str) and batch.count("-") == 4):
        body["listingId"] = int(os.environ["FRESH_LISTING"])
        return
    body["listingId"] = int(os.environ["LISTING"])
    if isinstance(batch, str) and 1 <= len(batch) <= 100 and "\0" not in batch and len(batch) % 2:
        body["batchId"] = os.environ["BATCH"]


def _consistent(number: int) -> dict[str, Any]:
    """Return the fields of a file for which there are rules that the document cannot have."""
    return PHOTO | {"clientId": str(number), "sequence": number, "bytes": number}


def _is_id(value: object) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_INTEGER
