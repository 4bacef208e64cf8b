"""Port: listings, their owners and their bookings."""

from abc import abstractmethod
from typing import Protocol

from harness.service.core.model.identifiers import ListingId, UserId
from harness.service.core.model.listing import Listing


class ListingRepository(Protocol):
    @abstractmethod
    def get_listing(self, listing_id: ListingId) -> Listing:
        """Return a listing with its photographer, or raise `ListingNotFound`."""

    @abstractmethod
    def get_privileges(self, user_id: UserId) -> frozenset[str]:
        """Return the privileges of a user, an empty set if the user is unknown; raise `UserDeleted`."""
