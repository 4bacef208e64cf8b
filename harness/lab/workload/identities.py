"""
The identities of a run: its listings, the tokens of their users, and the listing of each arrival.

A listing leaves the upload status when its batch becomes READY, so every arrival that uploads needs a
listing of its own. Photos and videos go to ordinary listings, project files to developments. A viewer gets
the listing of an earlier upload.
"""

import csv
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from harness.lab.workload.arrivals.schedule import Schedule, live_schedule
from harness.lab.workload.draws import Stream
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.scenario_file import file_text

COLUMNS = ("listing_id", "development", "role", "token")


class CallerRole(StrEnum):
    """The role of a token's user for a listing."""

    PHOTOGRAPHER = "photographer"
    OWNER = "owner"
    OPERATOR = "operator"
    STRANGER = "stranger"


RULES: tuple[tuple[str, str, Callable[[str], bool]], ...] = (
    ("listing_id", "a whole number above 0", lambda text: text.isdecimal() and int(text) > 0),
    ("development", "0 or 1", lambda text: text in ("0", "1")),
    ("role", f"one of {', '.join(CallerRole)}", lambda text: text in list(CallerRole)),
)
"""The columns whose values are restricted: a rule in words, and its check."""


class IdentitiesInvalid(ValueError):
    """The identities are invalid, or too few for the scenario; the message says why."""


@dataclass(frozen=True, slots=True)
class ListingNeeds:
    """The number of listings that a scenario needs."""

    ordinary: int
    developments: int

    @classmethod
    def of(cls, scenario: Scenario) -> "ListingNeeds":
        """Return the needs of a live run of *scenario*: one listing for each upload."""
        flows = live_schedule(scenario).flows
        developments = flows.count("project_documents")
        # At least two: one to look at, and another one for forbidden requests to a listing of another user.
        return cls(max(2, len(flows) - developments - flows.count("viewer")), developments)


@dataclass(frozen=True, slots=True)
class ListingAccess:
    """A listing and the tokens that give access to it; project files go to a *development*."""

    listing_id: int
    development: bool
    tokens: Mapping[CallerRole, str] = field(repr=False)

    def token(self, role: CallerRole) -> str:
        """Return the bearer token of a role; a missing one is `IdentitiesInvalid`."""
        if role not in self.tokens:
            raise IdentitiesInvalid(f"the identities have no {role} of listing {self.listing_id}")
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
            IdentitiesInvalid: The file is unreadable or invalid; the message names the line.
        """
        path = Path(path)
        try:
            text = file_text(path)
        except OSError as error:
            raise IdentitiesInvalid(f"{path} cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise IdentitiesInvalid(f"{path} {error}") from None
        try:
            return cls(tuple(_listings(path, csv.DictReader(text.splitlines(keepends=True)))))
        except csv.Error as error:
            raise IdentitiesInvalid(f"{path} is not CSV: {error}") from None

    def allocate(self, schedule: Schedule) -> Mapping[int, ListingAccess]:
        """
        Return the listing of every arrival; it does not depend on the number of workers.

        Raises:
            IdentitiesInvalid: There are too few listings; the message says how many are needed.
        """
        shoots: list[int] = []
        projects: list[int] = []
        viewers: list[int] = []
        by_flow = {"project_documents": projects, "viewer": viewers}
        for arrival, flow in enumerate(schedule.flows):
            by_flow.get(flow, shoots).append(arrival)
        ordinary = self._at_least(len(shoots), CallerRole.PHOTOGRAPHER, development=False)
        developments = self._at_least(len(projects), CallerRole.OWNER, development=True)
        uploads = dict(zip(shoots, ordinary, strict=False)) | dict(zip(projects, developments, strict=False))
        return uploads | self._viewed(viewers, uploads, schedule)

    def _at_least(self, needed: int, role: CallerRole, *, development: bool) -> Sequence[ListingAccess]:
        found = [one for one in self.listings if one.development == development and role in one.tokens]
        if len(found) < needed:
            kind = "development listings" if development else "ordinary listings"
            raise IdentitiesInvalid(
                f"the scenario needs {needed} {kind} with a token for their {role}, "
                f"the identities have {len(found)}: add listings, or reduce the rate or the duration"
            )
        return found

    def _viewed(
        self, viewers: Sequence[int], uploads: Mapping[int, ListingAccess], schedule: Schedule
    ) -> dict[int, ListingAccess]:
        """Return the listing of each viewer: that of a random earlier upload, or the first listing."""
        if viewers and not self.listings:
            raise IdentitiesInvalid("the identities have no listing for the viewers: add one")
        arrivals = sorted(uploads)
        draw = Stream(schedule.scenario.seed, schedule.replication, "viewer")
        viewed = {}
        for viewer in viewers:
            earlier = bisect_left(arrivals, viewer)
            viewed[viewer] = uploads[arrivals[int(draw(viewer) * earlier)]] if earlier else self.listings[0]
        return viewed


def _listings(path: Path, reader: "csv.DictReader[str]") -> Iterable[ListingAccess]:
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise IdentitiesInvalid(f"{path}:1: missing columns: {', '.join(missing)}")
    tokens: dict[int, dict[CallerRole, str]] = {}
    developments: dict[int, bool] = {}
    for row in reader:
        where = f"{path}:{reader.line_num}"
        for column, rule, is_valid in RULES:
            if not is_valid(row[column] or ""):
                raise IdentitiesInvalid(f"{where}: {column} must be {rule}, not {row[column]!r}")
        listing, development = int(row["listing_id"]), row["development"] == "1"
        if developments.setdefault(listing, development) != development:
            message = f"listing {listing} is a development in one line and not in another line"
            raise IdentitiesInvalid(f"{where}: {message}")
        if not row["token"]:
            raise IdentitiesInvalid(f"{where}: the token is empty")
        tokens.setdefault(listing, {}).setdefault(CallerRole(row["role"]), row["token"])
    return [ListingAccess(listing, developments[listing], by_role) for listing, by_role in tokens.items()]
