"""A listing, its statuses and the statuses of its bookings, as far as the media service uses them."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from harness.service.core.model.identifiers import ListingId, UserId

OFF_PLAN_HOUSE = 32
DEVELOPMENT_TYPES = frozenset({OFF_PLAN_HOUSE})
"""Property types of development listings; configurable."""


class ListingStatus(IntEnum):
    DRAFT = 1
    PENDING_AVAILABILITY = 2
    PENDING_PHOTO_SCHEDULING = 3
    PENDING_PHOTO_CONFIRMATION = 4
    PHOTOS_SCHEDULED = 5
    PENDING_PHOTO_PROCESSING = 6
    PENDING_OWNER_APPROVAL = 7
    REJECTED_BY_OWNER = 8
    PENDING_ADMIN_REVIEW = 9
    PUBLISHED = 10
    UNDER_OFFER = 11
    UNDER_NEGOTIATION = 12
    CLOSED = 13
    SUSPENDED = 14
    EXPIRED = 15
    ARCHIVED = 16
    NEEDS_REVISION = 17


class BookingStatus(StrEnum):
    PENDING_APPROVAL = "PENDING_APPROVAL"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    ACTIVE = "ACTIVE"
    RESCHEDULED = "RESCHEDULED"
    CANCELLED = "CANCELLED"
    DONE = "DONE"

    @property
    def effective(self) -> bool:
        """Whether the photographer of a booking in this status is the photographer of the listing."""
        return self in (BookingStatus.ACCEPTED, BookingStatus.ACTIVE, BookingStatus.DONE)


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing, with the photographer of its newest effective booking."""

    id: ListingId
    owner_id: UserId
    status: ListingStatus
    property_type: int
    photographer_id: UserId | None
