"""
Fills a database with who and what a run needs: listings, owners, photographers, bookings, operators.

Deterministic: the n-th listing has the same owner, photographer and type in every database. Asked for
more, it adds. Every listing has one owner and one photographer of a small crew, and waits for its photos.
"""

import csv
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt

from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.adapters.mysql.session import DatabaseSession, Statement
from harness.service.core.model.access_policy import MANAGE
from harness.service.core.model.listing import OFF_PLAN_HOUSE, BookingStatus, ListingStatus

CREW = 100
"""Owners, and photographers; each has many listings."""
HOUSE = 8
OPERATOR = 1
STRANGER = 2
FIRST_OWNER = 1_000
FIRST_PHOTOGRAPHER = 2_000
TOKEN_LIFE = timedelta(days=7)
COLUMNS = ("listing_id", "development", "role", "token")
ROWS_AT_ONCE = 1000

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
    """A listing, and who may do what with it."""

    id: int
    development: bool
    owner: int
    photographer: int


@dataclass(frozen=True, slots=True)
class Minter:
    """Makes the tokens the service believes."""

    key: str
    issuer: str = "toq"
    audience: str = "toq-media"

    def token(self, user: int) -> str:
        """Return a bearer token of a user, good for `TOKEN_LIFE`."""
        claims = {
            "sub": str(user),
            "iss": self.issuer,
            "aud": self.audience,
            "exp": datetime.now(tz=UTC) + TOKEN_LIFE,
        }
        return jwt.encode(claims, self.key, algorithm="HS256")


def seed(database_url: str, *, shoot: int, development: int = 0) -> list[SeededListing]:
    """
    Add listings in upload status, and return them.

    Args:
        shoot: How many for photo and video batches.
        development: How many development listings, which also take project files.

    Raises:
        Unavailable: The database does not answer.
    """
    pool = Pool(DatabaseAddress.parse(database_url), size=1)
    try:
        with pool.transaction() as session:
            _people(session)
            last = session.one(_LAST)
            first = int(str(last[0])) + 1 if last else 1
            listings = [
                _listing(number, development=number >= first + shoot)
                for number in range(first, first + shoot + development)
            ]
            _write(session, listings)
    finally:
        pool.close()
    return listings


def write_identities(
    path: Path, listings: Sequence[SeededListing], minter: Minter, *, append: bool = False
) -> None:
    """Write the CSV file of who may act on which listing, with a token for each."""
    tokens: dict[int, str] = {}

    def token(user: int) -> str:
        if user not in tokens:
            tokens[user] = minter.token(user)
        return tokens[user]

    mode = os.O_APPEND if append else os.O_TRUNC
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if not append:
            writer.writerow(COLUMNS)
        for listing in listings:
            for role, user in _roles(listing):
                writer.writerow((listing.id, int(listing.development), role, token(user)))


def _roles(listing: SeededListing) -> Iterator[tuple[str, int]]:
    yield "photographer", listing.photographer
    yield "owner", listing.owner
    yield "operator", OPERATOR
    yield "stranger", STRANGER


def _listing(number: int, *, development: bool) -> SeededListing:
    return SeededListing(
        number, development, FIRST_OWNER + number % CREW, FIRST_PHOTOGRAPHER + number * 7 % CREW
    )


def _people(session: DatabaseSession) -> None:
    people = [(OPERATOR, "Olga Operator"), (STRANGER, "Sam Stranger")]
    people += [(FIRST_OWNER + n, f"Owner {n}") for n in range(CREW)]
    people += [(FIRST_PHOTOGRAPHER + n, f"Photographer {n}") for n in range(CREW)]
    session.write_many(_USER, [(id_, name, f"user{id_}@toq.example") for id_, name in people])
    session.write_many(_PRIVILEGE, [(OPERATOR, MANAGE)])


def _write(session: DatabaseSession, listings: Sequence[SeededListing]) -> None:
    shot_at = datetime(2026, 1, 5, 9, 0)
    for part in (listings[n : n + ROWS_AT_ONCE] for n in range(0, len(listings), ROWS_AT_ONCE)):
        session.write_many(_LISTING, [(one.id, _uuid(one.id), one.owner, one.id, one.id) for one in part])
        session.write_many(
            _VERSION,
            [
                (
                    one.id,
                    one.id,
                    one.owner,
                    int(ListingStatus.PENDING_PHOTO_PROCESSING),
                    OFF_PLAN_HOUSE if one.development else HOUSE,
                    f"Listing {one.id}",
                )
                for one in part
            ],
        )
        session.write_many(
            _BOOKING,
            [
                (one.photographer, one.id, shot_at, shot_at + timedelta(hours=1), BookingStatus.DONE.value)
                for one in part
            ],
        )


def _uuid(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"https://toq.example/listings/{number}"))
