"""The access policy: which users may upload, complete, retry and read the media of a listing, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.service.core.errors import NotOwner, NotPhotographer, ProjectNotAllowed
from harness.service.core.model.identifiers import UserId
from harness.service.core.model.listing import DEVELOPMENT_TYPES, Listing, ListingStatus
from harness.service.core.model.media_type import Family

MANAGE = "media:manage"
"""The privilege of an operator: all requests of this service are allowed."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user."""

    user_id: UserId
    privileges: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """
    The rules of access.

    Attributes:
        upload_statuses: The statuses in which a listing accepts new batches of a family.
        completion_statuses: The statuses in which a batch that was created in time may still be completed. A
            development accepts new batches of each family in them: one family may be READY before the other.
    """

    development_types: frozenset[int] = DEVELOPMENT_TYPES
    upload_statuses: Mapping[Family, frozenset[ListingStatus]] = field(
        default_factory=lambda: dict.fromkeys(Family, frozenset({ListingStatus.PENDING_PHOTO_PROCESSING}))
    )
    completion_statuses: frozenset[ListingStatus] = frozenset(
        {ListingStatus.PENDING_PHOTO_PROCESSING, ListingStatus.PENDING_OWNER_APPROVAL}
    )

    def must_control(self, caller: Caller, listing: Listing, family: Family) -> None:
        """
        Check that *caller* may create, complete and retry batches of *family*.

        Raises:
            ProjectNotAllowed: Project files, but the listing is not a development.
            NotOwner: Project files, but the caller is neither the owner nor an operator.
            NotPhotographer: Photos or videos, but the caller is neither the photographer nor an operator.
        """
        if family is Family.PROJECT and not self.is_development(listing):
            raise ProjectNotAllowed("Project files are accepted for development listings only.")
        if MANAGE in caller.privileges:
            return
        if family is Family.PROJECT and caller.user_id != listing.owner_id:
            raise NotOwner("Only the owner of the listing may manage its project files.")
        if family is Family.SHOOT and caller.user_id != listing.photographer_id:
            raise NotPhotographer(
                "Only the photographer of the active booking may manage the photos and videos of the listing."
            )

    def must_see(self, caller: Caller, listing: Listing) -> None:
        """Raise `NotPhotographer` unless *caller* is an operator, the owner or the photographer."""
        if MANAGE in caller.privileges or caller.user_id in (listing.owner_id, listing.photographer_id):
            return
        raise NotPhotographer("Only the photographer and the owner of the listing may see its media.")

    def accepts_uploads(self, listing: Listing, family: Family) -> bool:
        """Return whether *listing* accepts a new batch of *family* in its present status."""
        if listing.status in self.upload_statuses[family]:
            return True
        return self.is_development(listing) and listing.status in self.completion_statuses

    def accepts_completion(self, status: ListingStatus | None, family: Family) -> bool:
        """Return whether a batch of a listing in *status* may be completed; None is a deleted listing."""
        return status in self.upload_statuses[family] | self.completion_statuses

    def may_advance(self, listing: Listing, family: Family) -> bool:
        """Return whether a READY batch may advance the listing: project files only on developments."""
        return family is Family.SHOOT or self.is_development(listing)

    def is_development(self, listing: Listing) -> bool:
        return listing.property_type in self.development_types
