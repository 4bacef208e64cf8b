"""
Test data of a run: listings with owners, photographers, bookings and an operator, and their tokens.

The data are deterministic: the n-th listing has the same owner and photographer in every database. Every
listing waits for its photos.
"""

import csv
import os
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

import jwt

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.service.core.model.access_policy import MANAGE
from harness.service.core.model.listing import OFF_PLAN_HOUSE, BookingStatus, ListingStatus

PEOPLE = 100
"""Number of owners, and of photographers; each has many listings."""
HOUSE = 8
OPERATOR = 1
STRANGER = 2
FIRST_OWNER = 1_000
FIRST_PHOTOGRAPHER = 2_000
TOKEN_LIFE = timedelta(days=7)
ISSUER = "toq"
AUDIENCE = "toq-media"

_USER = Statement("insert", "users", "INSERT IGNORE INTO users (id, full_name, email) VALUES (%s, %s, %s)")
_PRIVILEGE = Statement(
    "insert", "user_privileges", "INSERT IGNORE INTO user_privileges (user_id, privilege) VALUES (%s, %s)"
)
_LISTING = Statement(
    "insert",
    "listing_identities",
    "INSERT INTO listing_identities (id, listing_uuid, user_id, code, active_version_id)"
    " VALUES (%s, %s, %s, %s, %s)",
)
_VERSION = Statement(
    "insert",
    "listing_versions",
    "INSERT INTO listing_versions (id, listing_identity_id, user_id, version, status, type, title)"
    " VALUES (%s, %s, %s, 1, %s, %s, %s)",
)
_BOOKING = Statement(
    "insert",
    "photographer_photo_session_bookings",
    "INSERT INTO photographer_photo_session_bookings"
    " (photographer_user_id, listing_identity_id, starts_at, ends_at, status) VALUES (%s, %s, %s, %s, %s)",
)
_LAST = Statement("select", "listing_identities", "SELECT COALESCE(MAX(id), 0) FROM listing_identities")


@dataclass(frozen=True, slots=True)
class SeededListing:
    """A listing with its owner and its photographer."""

    id: int
    development: bool
    owner: int
    photographer: int


def seed(database_url: str, *, listings: int, developments: int = 0) -> list[SeededListing]:
    """Add listings in upload status after those that exist, and return them; developments come last."""
    with closing(Pool(DatabaseAddress.parse(database_url), size=1)) as pool, pool.transaction() as session:
        _insert_people(session)
        last = session.one(_LAST)
        first = int(str(last[0])) + 1 if last else 1
        seeded = [
            SeededListing(
                n, n >= first + listings, FIRST_OWNER + n % PEOPLE, FIRST_PHOTOGRAPHER + n * 7 % PEOPLE
            )
            for n in range(first, first + listings + developments)
        ]
        _insert_listings(session, seeded)
    return seeded


def write_identities(path: Path, listings: Sequence[SeededListing], jwt_key: str) -> None:
    """Write the CSV file of identities: for each listing, a token for each role."""
    token = cache(partial(_token, jwt_key))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("listing_id", "development", "role", "token"))
        for listing in listings:
            roles = {
                "photographer": listing.photographer,
                "owner": listing.owner,
                "operator": OPERATOR,
                "stranger": STRANGER,
            }
            for role, user in roles.items():
                writer.writerow((listing.id, int(listing.development), role, token(user)))


def _token(jwt_key: str, user: int) -> str:
    expires_at = datetime.now(tz=UTC) + TOKEN_LIFE
    claims = {"sub": str(user), "iss": ISSUER, "aud": AUDIENCE, "exp": expires_at}
    return jwt.encode(claims, jwt_key, algorithm="HS256")


def _insert_people(session: DatabaseSession) -> None:
    people = [(OPERATOR, "Olga Operator"), (STRANGER, "Sam Stranger")]
    people += [(FIRST_OWNER + n, f"Owner {n}") for n in range(PEOPLE)]
    people += [(FIRST_PHOTOGRAPHER + n, f"Photographer {n}") for n in range(PEOPLE)]
    session.write_many(_USER, [(id_, name, f"user{id_}@toq.example") for id_, name in people])
    session.write_many(_PRIVILEGE, [(OPERATOR, MANAGE)])


def _insert_listings(session: DatabaseSession, listings: Sequence[SeededListing]) -> None:
    status, done = int(ListingStatus.PENDING_PHOTO_PROCESSING), BookingStatus.DONE.value
    shot_at = datetime(2026, 1, 5, 9, 0)
    shot_until = shot_at + timedelta(hours=1)
    session.write_many(_LISTING, [(one.id, _uuid(one.id), one.owner, one.id, one.id) for one in listings])
    versions = [
        (one.id, one.id, one.owner, status, OFF_PLAN_HOUSE if one.development else HOUSE, f"Listing {one.id}")
        for one in listings
    ]
    session.write_many(_VERSION, versions)
    session.write_many(_BOOKING, [(one.photographer, one.id, shot_at, shot_until, done) for one in listings])


def _uuid(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://toq.example/listings/{number}"))
