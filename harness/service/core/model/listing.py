"""
What the service needs to know of a listing, its bookings and its callers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from harness.service.core.errors import NotOwner, NotPhotographer, ProjectNotAllowed
from harness.service.core.model.identifiers import ListingId, UserId
from harness.service.core.model.media_type import Family

MANAGE = "media:manage"
"""The privilege that lets an operator do everything here."""

OFF_PLAN_HOUSE = 32
DEVELOPMENT_TYPES = frozenset({OFF_PLAN_HOUSE})
"""Property types that count as development listings, unless configured otherwise."""


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
    def counts(self) -> bool:
        """Whether a booking in this status makes its photographer the listing's photographer."""
        return self in (BookingStatus.ACCEPTED, BookingStatus.ACTIVE, BookingStatus.DONE)


@dataclass(frozen=True, slots=True)
class Listing:
    """
    A listing as the media service sees it.

    Attributes:
        property_type: Bit of the property type; see ``DEVELOPMENT_TYPES``.
        photographer_id: Photographer of the newest booking that counts, if any.
    """

    id: ListingId
    owner_id: UserId
    status: ListingStatus
    property_type: int
    photographer_id: UserId | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking."""

    user_id: UserId
    privileges: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """
    Who may do what with the media of a listing, and when.

    Attributes:
        development_types: Property types of development listings.
        upload_statuses: Statuses in which a listing takes uploads, by family.
    """

    development_types: frozenset[int] = DEVELOPMENT_TYPES
    upload_statuses: Mapping[Family, frozenset[ListingStatus]] = field(
        default_factory=lambda: dict.fromkeys(Family, frozenset({ListingStatus.PENDING_PHOTO_PROCESSING}))
    )

    def must_control(self, caller: Caller, listing: Listing, family: Family) -> None:
        """
        Refuse callers who may not create, complete or retry batches of *family*.

        Raises:
            NotPhotographer, NotOwner, ProjectNotAllowed: As the name says.
        """
        if family is Family.PROJECT and not self.is_development(listing):
            raise ProjectNotAllowed("Project files are accepted for development listings only.")
        if MANAGE in caller.privileges:
            return
        if family is Family.PROJECT and caller.user_id != listing.owner_id:
            raise NotOwner("Only the owner of the listing may handle its project files.")
        if family is Family.SHOOT and caller.user_id != listing.photographer_id:
            raise NotPhotographer("Only the photographer of the active booking may handle photos and videos.")

    def must_see(self, caller: Caller, listing: Listing) -> None:
        """
        Refuse callers who may not read status and downloads.

        Raises:
            NotPhotographer: The caller is neither operator, owner nor photographer.
        """
        if MANAGE in caller.privileges or caller.user_id in (listing.owner_id, listing.photographer_id):
            return
        raise NotPhotographer("Only the photographer and the owner of the listing may see its media.")

    def takes_uploads(self, status: ListingStatus | None, family: Family) -> bool:
        return status in self.upload_statuses[family]

    def advances(self, listing: Listing, family: Family) -> bool:
        """Whether a batch of *family* may move the listing on: project files only on developments."""
        return family is Family.SHOOT or self.is_development(listing)

    def is_development(self, listing: Listing) -> bool:
        return listing.property_type in self.development_types
