"""Listings, their owners, their bookings and privileges in MySQL or MariaDB."""

from harness.service.adapters.mysql.pool import Pool
from harness.service.adapters.mysql.session import Statement
from harness.service.core.errors import ListingNotFound, UserDeleted
from harness.service.core.model.identifiers import ListingId, UserId
from harness.service.core.model.listing import BookingStatus, Listing, ListingStatus
from harness.service.core.ports.listing_repository import ListingRepository

EFFECTIVE = tuple(status for status in BookingStatus if status.effective)

# The photographer of the newest effective booking; the newest booking is the one inserted last.
GET_LISTING = Statement(
    "select",
    "listing_identities",
    """
    SELECT l.id, l.user_id, v.status, v.type, (
        SELECT p.photographer_user_id
        FROM photographer_photo_session_bookings p
        WHERE p.listing_identity_id = l.id AND p.status IN %s
        ORDER BY p.id DESC
        LIMIT 1
    )
    FROM listing_identities l
    JOIN listing_versions v ON v.id = l.active_version_id
    WHERE l.id = %s AND l.deleted = 0
    """,
)
GET_PRIVILEGES = Statement(
    "select",
    "user_privileges",
    """
    SELECT u.deleted, p.privilege
    FROM users u
    LEFT JOIN user_privileges p ON p.user_id = u.id
    WHERE u.id = %s
    """,
)


class MySQLListingRepository(ListingRepository):
    """The repository. The status and property type of a listing are those of its active version."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def get_listing(self, listing_id: ListingId) -> Listing:
        with self._pool.session() as session:
            row = session.one(GET_LISTING, EFFECTIVE, listing_id)
        if row is None:
            raise ListingNotFound(f"There is no listing {listing_id}.")
        number, owner_id, status, property_type, photographer_id = row
        return Listing(number, owner_id, ListingStatus(status), property_type, photographer_id)

    def get_privileges(self, user_id: UserId) -> frozenset[str]:
        with self._pool.session() as session:
            rows = session.all(GET_PRIVILEGES, user_id)
        if any(deleted for deleted, _privilege in rows):
            raise UserDeleted(f"User {user_id} is deleted.")
        return frozenset(str(privilege) for _deleted, privilege in rows if privilege is not None)
