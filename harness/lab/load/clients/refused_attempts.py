"""
Forbidden attempts: requests that the service must refuse, sent for real.

Every attempt is recorded as ``refused`` when it was refused with the status that the contract demands,
``breached`` when it succeeded, and ``failed`` when it failed in another way, which proves nothing.
"""

import re
from collections.abc import Callable, Mapping

import gevent

from harness.lab.load.clients.client_session import EXPIRY_MARGIN_S, ClientSession, SessionStopped
from harness.lab.load.clients.response_check import refusing
from harness.lab.workload.client_flows import RefusedAttempt
from harness.lab.workload.identities import CallerRole

_SIGNATURE = re.compile(r"(Signature=)([^&])")


def forbidden(client: ClientSession) -> None:
    """Make the attempt that was drawn for this arrival."""
    assert client.batch.attempt is not None  # noqa: S101 - every forbidden arrival has one
    ATTEMPTS[client.batch.attempt](client)


def wrong_role(client: ClientSession) -> None:
    """Create a batch as the owner of the listing; only its photographer may."""
    _create(client, client.token(CallerRole.OWNER), 403)


def other_listing(client: ClientSession) -> None:
    """Create a batch as the photographer of another listing."""
    own = client.token(CallerRole.PHOTOGRAPHER)
    listings = client.context.plan.identities.listings
    photographers = (each.tokens.get(CallerRole.PHOTOGRAPHER) for each in listings)
    # One photographer has many listings: only another token is another person.
    other = next((token for token in photographers if token not in (None, own)), None)
    if other is None:
        raise SessionStopped("the identities name no other photographer")
    _create(client, other, 403)


def no_token(client: ClientSession) -> None:
    """Create a batch without a token."""
    _create(client, None, 401)


def bad_token(client: ClientSession) -> None:
    """Create a batch with a token that was changed."""
    token = client.token(CallerRole.PHOTOGRAPHER)
    middle = len(token) - len(token) // 8 - 1
    _create(client, token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :], 401)


def tampered_url(client: ClientSession) -> None:
    """Upload to a URL whose signature was changed."""
    client.create(client.token(CallerRole.PHOTOGRAPHER))
    url, found = _SIGNATURE.subn(
        lambda match: match[1] + ("0" if match[2] != "0" else "1"), _upload_url(client)
    )
    if not found:
        raise SessionStopped("the upload URL has no signature to change")
    _put(client, url, 403)


def expired_url(client: ClientSession) -> None:
    """Upload after the URL has expired; not tried if the arrivals end before."""
    client.create(client.token(CallerRole.PHOTOGRAPHER))
    expires_in = client.upload_ttl + EXPIRY_MARGIN_S
    if client.context.clock() + expires_in > client.context.plan.duration:
        client.context.tally.counts["untried"] += 1
        return
    gevent.sleep(expires_in)
    _put(client, _upload_url(client), 403)


def bad_checksum(client: ClientSession) -> None:
    """Upload other bytes than were announced, but as many."""
    client.create(client.token(CallerRole.PHOTOGRAPHER))
    _put(client, _upload_url(client), 400, tampered=True)


ATTEMPTS: Mapping[RefusedAttempt, Callable[[ClientSession], None]] = {
    RefusedAttempt.WRONG_ROLE: wrong_role,
    RefusedAttempt.OTHER_LISTING: other_listing,
    RefusedAttempt.NO_TOKEN: no_token,
    RefusedAttempt.BAD_TOKEN: bad_token,
    RefusedAttempt.TAMPERED_URL: tampered_url,
    RefusedAttempt.EXPIRED_URL: expired_url,
    RefusedAttempt.BAD_CHECKSUM: bad_checksum,
}


def _create(client: ClientSession, token: str | None, expected: int) -> None:
    name = f"forbidden {client.batch.attempt}"
    client.api.post("/uploads", client.manifest(), token, refusing(expected), name=name)


def _upload_url(client: ClientSession) -> str:
    return client.tickets[client.batch.files[0].client_id].upload_url


def _put(client: ClientSession, url: str, expected: int, *, tampered: bool = False) -> None:
    file = client.batch.files[0]
    payload = client.context.payload_of(file)
    body = b"\x01" * payload.size if tampered else payload.open()
    headers = client.tickets[file.client_id].headers
    name = f"forbidden {client.batch.attempt}"
    client.api.put(url, headers, body, payload.size, refusing(expected), name)
