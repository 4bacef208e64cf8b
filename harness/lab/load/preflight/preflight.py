"""
The preflight: one check before a run whether the service can be used.

The canary creates a batch of one small file and uploads it, which checks the token, the service and the
object store. It is never completed, so no pipeline runs and the listing does not change. The contract has no
request to delete a batch: it stays PENDING_UPLOAD until the service marks it as abandoned.
"""

import hashlib
import secrets
import ssl
import threading
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import httpx

from harness.lab.load.clients.answers import AnswerInvalid, BatchCreated
from harness.lab.load.run_plan import RunPlan
from harness.lab.workload.identities import CallerRole, ListingAccess

API_PREFIX = "/api/v2/listings/media"
CANARY = "canary"

TIMEOUT_S = 10.0
"""How long to wait for a connection, and for each piece of an answer."""

DEADLINE_S = 30.0
"""How long all checks may take."""

ANSWER_LIMIT = 8 * 1024 * 1024
"""Longest answer that is accepted [bytes]."""

SHOWN_BYTES = 200


class Unreachable(RuntimeError):
    """The target cannot be used; the message gives the request and the response."""


def preflight(host: str, plan: RunPlan) -> list[str]:
    """
    Check that *host* answers and accepts an upload with the token of one listing.

    Returns:
        Remarks for ``run.json``: which batch was left behind. Empty if the plan has no listings.

    Raises:
        Unreachable: One of the checks failed.
        IdentitiesInvalid: There are too few listings for the plan.
    """
    listings = plan.listings
    canary_for = listings[min(listings)] if listings else None
    results: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def check() -> None:
        try:
            results.put(_check(host, canary_for))
        except Exception as error:  # noqa: BLE001 - raised by the other thread
            results.put(error)

    # Each read has a time-out, but a service that sends byte after byte never reaches it. As a daemon, the
    # thread may be left behind.
    threading.Thread(target=check, daemon=True).start()
    try:
        result = results.get(timeout=DEADLINE_S)
    except Empty:
        raise Unreachable(f"{host} did not finish its answers within {DEADLINE_S:g} s") from None
    if isinstance(result, Exception):
        raise result
    return result


def _check(host: str, canary_for: ListingAccess | None) -> list[str]:
    health = _send("GET", f"{host}/healthz")
    # A service need not have this page.
    if health.status >= 500:
        raise Unreachable(f"{host}/healthz answers {health.status}: {health.text}")
    return [] if canary_for is None else [_send_canary(host, canary_for)]


class _Answer(NamedTuple):
    status: int
    content: bytes

    @property
    def text(self) -> str:
        return self.content[:SHOWN_BYTES].decode("utf-8", "replace")


def _send(method: str, url: str, **options: Any) -> _Answer:
    """
    Send a request as the workers do: without proxy, with this machine's certificates.

    Raises:
        Unreachable: No answer came, or one that is too long.
    """
    shown = url.partition("?")[0]  # the query of an upload URL is a secret
    trusted = ssl.create_default_context()
    headers = {"Accept-Encoding": "identity", **options.pop("headers", {})}
    try:
        with (
            # A client for each request: the store's host must not receive headers for the service.
            httpx.Client(timeout=TIMEOUT_S, verify=trusted, trust_env=False) as http,
            http.stream(method, url, headers=headers, **options) as response,
        ):
            content = bytearray()
            for piece in response.iter_raw():
                content += piece
                if len(content) > ANSWER_LIMIT:
                    raise Unreachable(f"{method} {shown} answers with more than {ANSWER_LIMIT} bytes")
            return _Answer(response.status_code, bytes(content))
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise Unreachable(f"{shown} does not answer: {str(error) or type(error).__name__}") from None


def _send_canary(host: str, listing: ListingAccess) -> str:
    """Create a batch and upload its file; return a sentence about the batch."""
    content = b"canary"
    is_owner = listing.development and CallerRole.OWNER in listing.tokens
    role = CallerRole.OWNER if is_owner else CallerRole.PHOTOGRAPHER
    response = _send(
        "POST",
        f"{host}{API_PREFIX}/uploads",
        json=_manifest(listing, role, content),
        headers={"Authorization": f"Bearer {listing.token(role)}"},
    )
    if response.status != 201:
        raise Unreachable(
            f"the canary was refused: POST {API_PREFIX}/uploads for listing {listing.listing_id} "
            f"as its {role} answers {response.status}: {response.text}"
        )
    try:
        created = BatchCreated.read(response.content)
        created.must_hold([CANARY])
    except AnswerInvalid as error:
        raise Unreachable(f"POST {API_PREFIX}/uploads answers 201, but {error}") from None
    (ticket, *_) = created.files
    stored = _send("PUT", ticket.upload_url, content=content, headers=ticket.headers)
    if stored.status != 200:
        raise Unreachable(f"the object store refused the canary: PUT answers {stored.status}: {stored.text}")
    return (
        f"the preflight left batch {created.batch_id} of listing {listing.listing_id} behind; "
        "it stays PENDING_UPLOAD until the service marks it as abandoned"
    )


_DOCUMENT = {"filename": "canary.pdf", "contentType": "application/pdf", "mediaType": "PROJECT_DOC"}
_PHOTO = {
    "filename": "canary.jpg",
    "contentType": "image/jpeg",
    "mediaType": "PHOTO_HORIZONTAL",
    "orientation": "HORIZONTAL",
}


def _manifest(listing: ListingAccess, role: CallerRole, content: bytes) -> dict[str, Any]:
    file = {
        "clientId": CANARY,
        "bytes": len(content),
        "checksum": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "sequence": 1,
        **(_DOCUMENT if role is CallerRole.OWNER else _PHOTO),
    }
    # The canary of an earlier run may still be open: the same reference would be a conflict.
    reference = f"canary-{secrets.token_hex(8)}"
    return {"listingId": listing.listing_id, "batchReference": reference, "files": [file]}
