"""Listings, bookings and privileges in memory."""

from collections import defaultdict
from dataclasses import replace

from harness.service.core.errors import ListingNotFound, UserDeleted
from harness.service.core.model.identifiers import ListingId, UserId
from harness.service.core.model.listing import BookingStatus, Listing, ListingStatus
from harness.service.core.ports.listing_repository import ListingRepository

APARTMENT = 1


class InMemoryListingRepository(ListingRepository):
    """The repository. The media repository changes the status of its listings, as in the database."""

    def __init__(self) -> None:
        self._listings: dict[ListingId, Listing] = {}
        self._bookings: defaultdict[ListingId, list[tuple[UserId, BookingStatus]]] = defaultdict(list)
        self._privileges: dict[UserId, frozenset[str]] = {}
        self._deleted_users: set[UserId] = set()

    def get_listing(self, listing_id: ListingId) -> Listing:
        if listing_id not in self._listings:
            raise ListingNotFound(f"There is no listing {listing_id}.")
        return replace(self._listings[listing_id], photographer_id=self._photographer(listing_id))

    def get_privileges(self, user_id: UserId) -> frozenset[str]:
        if user_id in self._deleted_users:
            raise UserDeleted(f"User {user_id} is deleted.")
        return self._privileges.get(user_id, frozenset())

    def add_listing(
        self,
        listing_id: int,
        *,
        owner_id: int,
        status: ListingStatus = ListingStatus.PENDING_PHOTO_PROCESSING,
        property_type: int = APARTMENT,
    ) -> Listing:
        key = ListingId(listing_id)
        self._listings[key] = Listing(key, UserId(owner_id), status, property_type, photographer_id=None)
        return self._listings[key]

    def add_booking(
        self, listing_id: int, *, photographer_id: int, status: BookingStatus = BookingStatus.DONE
    ) -> None:
        """Add a booking that is newer than all others."""
        self._bookings[ListingId(listing_id)].append((UserId(photographer_id), status))

    def grant(self, user_id: int, privilege: str) -> None:
        user = UserId(user_id)
        self._privileges[user] = self.get_privileges(user) | {privilege}

    def delete_user(self, user_id: int) -> None:
        self._deleted_users.add(UserId(user_id))

    def delete_listing(self, listing_id: int) -> None:
        del self._listings[ListingId(listing_id)]

    # Used by the media repository.

    def find_status(self, listing_id: ListingId) -> ListingStatus | None:
        row = self._listings.get(listing_id)
        return row.status if row else None

    def set_status(self, listing_id: ListingId, status: ListingStatus) -> None:
        self._listings[listing_id] = replace(self._listings[listing_id], status=status)

    def _photographer(self, listing_id: ListingId) -> UserId | None:
        newest_first = reversed(self._bookings.get(listing_id, []))
        return next((photographer for photographer, status in newest_first if status.effective), None)
