"""
The preflight: one check before a run whether the service can be used.

The canary creates a batch of one small file and uploads it, which checks the token, the service and the
object store. It is never completed, so no pipeline runs and the listing does not change. The contract has no
request to delete a batch: it stays PENDING_UPLOAD until the service marks it as abandoned.
"""

import hashlib
import secrets
import ssl
from typing import Any

import httpx

from harness.lab.load.run_plan import RunPlan
from harness.lab.workload.identities import CallerRole, ListingAccess

API_PREFIX = "/api/v2/listings/media"


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
    with _client(base_url=host) as http:
        try:
            health = http.get("/healthz")
            # A service need not have this page.
            if health.status_code >= 500:
                raise Unreachable(f"{host}/healthz answers {health.status_code}: {health.text[:200]}")
            return [_send_canary(http, listings[min(listings)])] if listings else []
        except httpx.HTTPError as error:
            raise Unreachable(f"{host} does not answer: {error or type(error).__name__}") from None


def _client(**options: Any) -> httpx.Client:
    """Return a client that connects as the workers do: without proxy, with this machine's certificates."""
    trusted = ssl.create_default_context()
    return httpx.Client(**options, timeout=10.0, verify=trusted, trust_env=False)


def _send_canary(http: httpx.Client, listing: ListingAccess) -> str:
    """Create a batch and upload its file; return a sentence about the batch."""
    content = b"canary"
    is_owner = listing.development and CallerRole.OWNER in listing.tokens
    role = CallerRole.OWNER if is_owner else CallerRole.PHOTOGRAPHER
    response = http.post(
        f"{API_PREFIX}/uploads",
        json=_manifest(listing, role, content),
        headers={"Authorization": f"Bearer {listing.token(role)}"},
    )
    if response.status_code != 201:
        raise Unreachable(
            f"the canary was refused: POST {API_PREFIX}/uploads for listing {listing.listing_id} "
            f"as its {role} answers {response.status_code}: {response.text[:200]}"
        )
    created = response.json()
    ticket = created["files"][0]
    # A client of its own: the store's host must not receive headers for the service.
    with _client() as store:
        stored = store.put(ticket["uploadUrl"], content=content, headers=ticket["headers"])
    if stored.status_code != 200:
        raise Unreachable(
            f"the object store refused the canary: PUT answers {stored.status_code}: {stored.text[:200]}"
        )
    return (
        f"the preflight left batch {created['batchId']} of listing {listing.listing_id} behind; "
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
        "clientId": "canary",
        "bytes": len(content),
        "checksum": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "sequence": 1,
        **(_DOCUMENT if role is CallerRole.OWNER else _PHOTO),
    }
    # The canary of an earlier run may still be open: the same reference would be a conflict.
    reference = f"canary-{secrets.token_hex(8)}"
    return {"listingId": listing.listing_id, "batchReference": reference, "files": [file]}
