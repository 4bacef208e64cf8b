"""
Is anybody there, and will they let us play? Asked once, before a run.

The canary announces a batch of one small file and uploads it, which proves the token, the service and
the object store; it is never completed, so no pipeline runs and the listing stays as it was. The contract
knows no way to take it back: it stays PENDING_UPLOAD until the service gives it up as abandoned.
"""

import hashlib
import secrets
import ssl
from dataclasses import dataclass
from typing import Any

import httpx

from harness.lab.load.run_plan import RunPlan
from harness.lab.workload.identities import CallerRole, ListingAccess

API_PREFIX = "/api/v2/listings/media"
TIMEOUT_S = 10.0


class Unreachable(RuntimeError):
    """The target cannot be played at; says what was asked and what came back."""


@dataclass(frozen=True, slots=True)
class Canary:
    """The batch that was announced and is left behind."""

    batch_id: str
    listing_id: int

    @property
    def told(self) -> str:
        """What became of it, in words."""
        return (
            f"the preflight left batch {self.batch_id} of listing {self.listing_id} behind, PENDING_UPLOAD "
            "until the service gives it up"
        )


def preflight(host: str, plan: RunPlan) -> Canary | None:
    """
    Make sure that *host* is healthy, takes the identities' tokens, and accepts an upload.

    Returns:
        The batch it did so with; None if there was no listing to do it on.

    Raises:
        Unreachable: It does not.
        IdentitiesInvalid: There are too few listings for the plan.
    """
    listings = plan.listings
    with _client(base_url=host) as http:
        try:
            _must_be_healthy(http)
            return _send_canary(http, listings[min(listings)]) if listings else None
        except httpx.HTTPError as error:
            raise Unreachable(f"{host} does not answer: {error or type(error).__name__}") from None


def _client(**options: Any) -> httpx.Client:
    """Return a client that goes the way the players go: no proxy, and the certificates of this machine."""
    trusted = ssl.create_default_context()
    return httpx.Client(**options, timeout=TIMEOUT_S, verify=trusted, trust_env=False)


def _must_be_healthy(http: httpx.Client) -> None:
    answer = http.get("/healthz")
    # A service need not have this page; one that has it must be well.
    if answer.status_code >= 500:
        raise Unreachable(f"{http.base_url}/healthz answers {answer.status_code}: {answer.text[:200]}")


def _send_canary(http: httpx.Client, listing: ListingAccess) -> Canary:
    content = b"canary"
    role = (
        CallerRole.OWNER
        if listing.development and CallerRole.OWNER in listing.tokens
        else CallerRole.PHOTOGRAPHER
    )
    answer = http.post(
        f"{API_PREFIX}/uploads",
        json=_manifest(listing, role, content),
        headers={"Authorization": f"Bearer {listing.token(role)}"},
    )
    if answer.status_code != 201:
        raise Unreachable(
            f"the canary was not let in: POST {API_PREFIX}/uploads for listing {listing.listing_id} "
            f"as its {role} answers {answer.status_code}: {answer.text[:200]}"
        )
    created = answer.json()
    ticket = created["files"][0]
    # A client of its own: the store's host must not see anything meant for the service.
    with _client() as store:
        stored = store.put(ticket["uploadUrl"], content=content, headers=ticket["headers"])
    if stored.status_code != 200:
        raise Unreachable(
            f"the object store did not take the canary: {stored.status_code} {stored.text[:200]}"
        )
    return Canary(str(created["batchId"]), listing.listing_id)


def _manifest(listing: ListingAccess, role: CallerRole, content: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(content).hexdigest()
    file = {
        "clientId": "canary",
        "filename": "canary.pdf" if role is CallerRole.OWNER else "canary.jpg",
        "contentType": "application/pdf" if role is CallerRole.OWNER else "image/jpeg",
        "mediaType": "PROJECT_DOC" if role is CallerRole.OWNER else "PHOTO_HORIZONTAL",
        "bytes": len(content),
        "checksum": f"sha256:{digest}",
        "sequence": 1,
    }
    if role is CallerRole.PHOTOGRAPHER:
        file["orientation"] = "HORIZONTAL"
    # A listing may have the canary of an earlier run still open: the same reference would be a conflict.
    reference = f"canary-{secrets.token_hex(8)}"
    return {"listingId": listing.listing_id, "batchReference": reference, "files": [file]}
