"""
Who may act: the listings, roles and tokens a run plays with, and which arrival gets which listing.

A shoot that becomes READY takes its listing out of the upload status, so every arrival that uploads
needs a listing of its own. Shoots take listings that are no developments, project files those that
are. Viewers look at a listing somebody uploads to earlier.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.lab.workload.arrivals import Schedule
from harness.lab.workload.draws import Stream

COLUMNS = ("listing_id", "development", "role", "token")


class CallerRole(StrEnum):
    """What a token's owner is to a listing."""

    PHOTOGRAPHER = "photographer"
    OWNER = "owner"
    OPERATOR = "operator"
    STRANGER = "stranger"


class IdentitiesInvalid(ValueError):
    """The file cannot be used, or has too few listings for the scenario; the message says why."""


@dataclass(frozen=True, slots=True)
class ListingAccess:
    """
    A listing and the tokens to reach it with.

    Attributes:
        development: Whether its owner may upload project files.
    """

    listing_id: int
    development: bool
    tokens: Mapping[CallerRole, str] = field(repr=False)

    def token(self, role: CallerRole) -> str:
        """
        Return the bearer token of a role.

        Raises:
            IdentitiesInvalid: The identities have none.
        """
        if role not in self.tokens:
            raise IdentitiesInvalid(f"listing {self.listing_id} has no {role} among the identities")
        return self.tokens[role]


@dataclass(frozen=True, slots=True)
class Identities:
    """All listings, in the order of the file."""

    listings: tuple[ListingAccess, ...]

    @classmethod
    def read(cls, path: str | Path) -> "Identities":
        """
        Read a CSV file with the columns ``listing_id,development,role,token``.

        Raises:
            IdentitiesInvalid: Unreadable or wrong; says which line.
        """
        path = Path(path)
        try:
            with path.open(newline="", encoding="utf-8") as file:
                return cls(tuple(_listings(path, csv.DictReader(file))))
        except OSError as error:
            raise IdentitiesInvalid(f"{path} cannot be read: {error.strerror}") from None

    def allocate(self, schedule: Schedule) -> Mapping[int, ListingAccess]:
        """
        Give every arrival its listing, whoever plays it.

        Raises:
            IdentitiesInvalid: Too few listings of a kind; says how many are missing.
        """
        flows = schedule.flows
        shoots = [
            arrival for arrival, flow in enumerate(flows) if flow not in ("viewer", "project_documents")
        ]
        projects = [arrival for arrival, flow in enumerate(flows) if flow == "project_documents"]
        ordinary = self._enough(len(shoots), CallerRole.PHOTOGRAPHER, development=False)
        developments = self._enough(len(projects), CallerRole.OWNER, development=True)
        allocated = dict(zip(shoots, ordinary, strict=False)) | dict(
            zip(projects, developments, strict=False)
        )
        viewers = [arrival for arrival, flow in enumerate(flows) if flow == "viewer"]
        return allocated | self._looked_at(viewers, allocated, schedule)

    def _enough(self, needed: int, role: CallerRole, *, development: bool) -> Sequence[ListingAccess]:
        found = [
            listing
            for listing in self.listings
            if listing.development == development and role in listing.tokens
        ]
        if len(found) < needed:
            kind = "development listings" if development else "listings that are no developments"
            raise IdentitiesInvalid(
                f"the scenario needs {needed} {kind} with a token for their {role}, "
                f"the identities have {len(found)}: add listings, or lower the rate or the duration"
            )
        return found

    def _looked_at(
        self, viewers: Iterable[int], allocated: Mapping[int, ListingAccess], schedule: Schedule
    ) -> dict[int, ListingAccess]:
        uploads = sorted(allocated)
        draw = Stream(schedule.scenario.seed, schedule.replication, "viewer")
        looked_at, earlier = {}, 0
        for arrival in viewers:
            while earlier < len(uploads) and uploads[earlier] < arrival:
                earlier += 1
            if not self.listings:
                raise IdentitiesInvalid("the identities have no listing to look at")
            chosen = uploads[int(draw(arrival) * earlier)] if earlier else None
            looked_at[arrival] = self.listings[0] if chosen is None else allocated[chosen]
        return looked_at


def _listings(path: Path, reader: "csv.DictReader[str]") -> Iterable[ListingAccess]:
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise IdentitiesInvalid(f"{path}:1: has no column {', '.join(missing)}")
    tokens: dict[int, dict[CallerRole, str]] = {}
    developments: dict[int, bool] = {}
    for row in reader:
        where = f"{path}:{reader.line_num}"
        listing = _listing_id(where, row["listing_id"])
        development = _flag(where, row["development"])
        if developments.setdefault(listing, development) != development:
            raise IdentitiesInvalid(
                f"{where}: listing {listing} is a development in one line and not in another"
            )
        role = _role(where, row["role"])
        if not row["token"]:
            raise IdentitiesInvalid(f"{where}: the token is empty")
        tokens.setdefault(listing, {}).setdefault(role, row["token"])
    return [ListingAccess(listing, developments[listing], by_role) for listing, by_role in tokens.items()]


def _listing_id(where: str, text: str) -> int:
    if not text or not text.isdecimal() or int(text) < 1:
        raise IdentitiesInvalid(f"{where}: listing_id must be a whole number above 0, not {text!r}")
    return int(text)


def _flag(where: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise IdentitiesInvalid(f"{where}: development must be 0 or 1, not {text!r}")
    return text == "1"


def _role(where: str, text: str) -> CallerRole:
    try:
        return CallerRole(text)
    except ValueError:
        raise IdentitiesInvalid(
            f"{where}: role must be one of {', '.join(CallerRole)}, not {text!r}"
        ) from None
