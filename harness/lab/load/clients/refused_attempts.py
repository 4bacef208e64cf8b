"""
What must be refused, tried for real.

Every attempt is recorded as ``refused`` when it was turned away in the way the contract says,
``breached`` when it succeeded, and ``failed`` when it was turned away for another reason: then the
refusal proves nothing.
"""

import re
from collections.abc import Callable, Mapping

import gevent

from harness.lab.load.clients.client_session import ClientSession, SessionStopped
from harness.lab.load.clients.response_check import refusing
from harness.lab.workload.client_flows import RefusedAttempt
from harness.lab.workload.identities import CallerRole

EXPIRY_MARGIN_S = 1.0

_SIGNATURE = re.compile(r"(Signature=)([^&])")


def forbidden(visit: ClientSession) -> None:
    """Try what this arrival was drawn to try."""
    assert visit.batch.attempt is not None  # noqa: S101 - every forbidden arrival has one
    ATTEMPTS[visit.batch.attempt](visit)


def wrong_role(visit: ClientSession) -> None:
    """The owner of the listing starts a shoot, which only its photographer may."""
    _create(visit, visit.token(CallerRole.OWNER), 403)


def other_listing(visit: ClientSession) -> None:
    """A photographer starts a shoot of a listing that another one photographs."""
    own = visit.token(CallerRole.PHOTOGRAPHER)
    photographers = (
        each.tokens.get(CallerRole.PHOTOGRAPHER) for each in visit.stage.plan.identities.listings
    )
    # One photographer has many listings: only another token is another person.
    other = next((token for token in photographers if token not in (None, own)), None)
    if other is None:
        raise SessionStopped("there is no other photographer")
    _create(visit, other, 403)


def no_token(visit: ClientSession) -> None:
    """Somebody starts a shoot without saying who they are."""
    _create(visit, None, 401)


def bad_token(visit: ClientSession) -> None:
    """Somebody starts a shoot with a token that was tampered with."""
    token = visit.token(CallerRole.PHOTOGRAPHER)
    middle = len(token) - len(token) // 8 - 1
    _create(visit, token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :], 401)


def tampered_url(visit: ClientSession) -> None:
    """A photographer uploads to a URL with another signature."""
    visit.create(visit.token(CallerRole.PHOTOGRAPHER))
    ticket = visit.tickets[visit.batch.files[0].client_id]
    url, found = _SIGNATURE.subn(
        lambda match: match[1] + ("0" if match[2] != "0" else "1"), ticket["uploadUrl"]
    )
    if not found:
        raise SessionStopped("the upload URL carries no signature to tamper with")
    _put(visit, url, 403)


def expired_url(visit: ClientSession) -> None:
    """A photographer uploads after the URL's lifetime, if arrivals still come by then."""
    visit.create(visit.token(CallerRole.PHOTOGRAPHER))
    expires_in = visit.upload_ttl + EXPIRY_MARGIN_S
    if visit.stage.clock() + expires_in > visit.stage.plan.duration:
        visit.stage.tally.counts["untried"] += 1
        return
    gevent.sleep(expires_in)
    _put(visit, visit.tickets[visit.batch.files[0].client_id]["uploadUrl"], 403)


def bad_checksum(visit: ClientSession) -> None:
    """A photographer uploads other bytes than were announced, as many as were announced."""
    visit.create(visit.token(CallerRole.PHOTOGRAPHER))
    _put(visit, visit.tickets[visit.batch.files[0].client_id]["uploadUrl"], 400, tampered=True)


ATTEMPTS: Mapping[RefusedAttempt, Callable[[ClientSession], None]] = {
    RefusedAttempt.WRONG_ROLE: wrong_role,
    RefusedAttempt.OTHER_LISTING: other_listing,
    RefusedAttempt.NO_TOKEN: no_token,
    RefusedAttempt.BAD_TOKEN: bad_token,
    RefusedAttempt.TAMPERED_URL: tampered_url,
    RefusedAttempt.EXPIRED_URL: expired_url,
    RefusedAttempt.BAD_CHECKSUM: bad_checksum,
}


def _create(visit: ClientSession, token: str | None, expected: int) -> None:
    name = f"forbidden {visit.batch.attempt}"
    visit.session.api("/uploads", visit.manifest(), token, refusing(expected), name=name)


def _put(visit: ClientSession, url: str, expected: int, *, tampered: bool = False) -> None:
    file = visit.batch.files[0]
    payload = visit.stage.payloads.of(file)
    body = b"\x01" * payload.size if tampered else payload.open()
    headers = visit.tickets[file.client_id]["headers"]
    name = f"forbidden {visit.batch.attempt}"
    visit.session.put(url, headers, body, payload.size, refusing(expected), name)
