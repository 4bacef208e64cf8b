"""
The contract of `ListingRepository`.
"""

from typing import Any

import pytest

from harness.service.core.errors import ListingNotFound, UserDeleted
from harness.service.core.model.access_policy import MANAGE
from harness.service.core.model.identifiers import ListingId, UserId
from harness.service.core.model.listing import BookingStatus, Listing, ListingStatus

COUNTING = [BookingStatus.ACCEPTED, BookingStatus.ACTIVE, BookingStatus.DONE]
OTHERS = [
    BookingStatus.PENDING_APPROVAL,
    BookingStatus.REJECTED,
    BookingStatus.RESCHEDULED,
    BookingStatus.CANCELLED,
]


class TestListings:
    def test_a_listing_has_owner_status_and_type(self, tables: Any) -> None:
        """
        A listing without a booking has no photographer.
        """
        tables.add_listing(7, owner_id=3, status=ListingStatus.PUBLISHED, property_type=32)

        assert tables.listings.get_listing(ListingId(7)) == Listing(
            ListingId(7), UserId(3), ListingStatus.PUBLISHED, 32, None
        )

    def test_unknown_and_deleted_listings_are_not_found(self, tables: Any) -> None:
        """
        A deleted listing is like one that never existed.
        """
        tables.add_listing(7)
        tables.delete_listing(7)

        for listing_id in (ListingId(7), ListingId(8)):
            with pytest.raises(ListingNotFound):
                tables.listings.get_listing(listing_id)

    @pytest.mark.parametrize("status", COUNTING)
    def test_the_newest_effective_booking_gives_the_photographer(
        self, tables: Any, status: BookingStatus
    ) -> None:
        """
        ACCEPTED, ACTIVE and DONE are effective.
        """
        tables.add_listing(7)
        tables.add_booking(7, photographer_id=4, status=BookingStatus.DONE)
        tables.add_booking(7, photographer_id=5, status=status)

        assert tables.listings.get_listing(ListingId(7)).photographer_id == 5

    @pytest.mark.parametrize("status", OTHERS)
    def test_other_bookings_are_ignored(self, tables: Any, status: BookingStatus) -> None:
        """
        Also if they are newer.
        """
        tables.add_listing(7)
        tables.add_booking(7, photographer_id=4, status=BookingStatus.ACCEPTED)
        tables.add_booking(7, photographer_id=5, status=status)

        assert tables.listings.get_listing(ListingId(7)).photographer_id == 4


class TestPrivileges:
    def test_users_have_the_privileges_they_were_granted(self, tables: Any) -> None:
        """
        Any other user, known or unknown, has none.
        """
        tables.grant(9, MANAGE)

        assert tables.listings.get_privileges(UserId(9)) == {MANAGE}
        assert tables.listings.get_privileges(UserId(8)) == frozenset()
        assert tables.listings.get_privileges(UserId(12345)) == frozenset()

    @pytest.mark.parametrize("privileges", [(), (MANAGE,)])
    def test_a_deleted_user_is_refused(self, tables: Any, privileges: tuple[str, ...]) -> None:
        """
        With and without privileges.
        """
        for privilege in privileges:
            tables.grant(9, privilege)
        tables.delete_user(9)

        with pytest.raises(UserDeleted):
            tables.listings.get_privileges(UserId(9))
