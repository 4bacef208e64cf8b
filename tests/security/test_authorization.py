"""
Who may do what: every role at every endpoint, for both families and both kinds of listing, through HTTP.

The table is written from the contract, not from the code: photos and videos belong to the photographer of the
active booking, project files to the owner; both and the operator may read.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import pytest

from harness.service.app import Ports
from harness.service.core.model.identifiers import ListingId, UserId
from harness.service.core.model.listing import BookingStatus
from tests.service.api.conftest import (
    DEVELOPMENT,
    LISTING,
    OPERATOR,
    OWNER,
    PHOTOGRAPHER,
    STRANGER,
    Json,
    ServiceEnvironment,
    document,
    env_of,
    memory_ports,
    open_env,
    photo,
    success,
    uploads,
)

FORMER, REJECTED, NEIGHBOUR_OWNER, NEIGHBOUR_PHOTOGRAPHER = 11, 12, 13, 14
UNKNOWN, DELETED, DELETED_OPERATOR, FORMER_OPERATOR = 15, 16, 17, 18
NEIGHBOUR = 44

ROLES = {
    "photographer": PHOTOGRAPHER,
    "owner": OWNER,
    "operator": OPERATOR,
    "stranger": STRANGER,
    "photographer of an earlier booking": FORMER,
    "photographer whose booking was rejected": REJECTED,
    "owner of another listing": NEIGHBOUR_OWNER,
    "photographer of another listing": NEIGHBOUR_PHOTOGRAPHER,
    "user that is not in the database": UNKNOWN,
    "deleted user": DELETED,
    "deleted operator": DELETED_OPERATOR,
    "user with another privilege": FORMER_OPERATOR,
}
CONTROL = {"shoot": {"photographer", "operator"}, "project": {"owner", "operator"}}
SEE = {"photographer", "owner", "operator"}
ENDPOINTS = {
    "/uploads": (CONTROL, 201),
    "/uploads/complete": (CONTROL, 202),
    "/uploads/status": (dict.fromkeys(CONTROL, SEE), 200),
    "/downloads/query": (dict.fromkeys(CONTROL, SEE), 200),
    "/uploads/retry": (CONTROL, 202),
    "/uploads/delete": (CONTROL, 200),
}
"""For each endpoint who may, and the status of success."""
PLACES = [("shoot", LISTING), ("shoot", DEVELOPMENT), ("project", DEVELOPMENT)]
"""Family and listing; project files exist on developments only."""


def expected(endpoint: str, family: str, role: str) -> int:
    may, success = ENDPOINTS[endpoint]
    if role.startswith("deleted"):
        return 401
    return success if role in may[family] else 403


def populated() -> Ports:
    ports = memory_ports()
    listings = ports.listings
    for listing in (LISTING, DEVELOPMENT):
        listings._bookings[ListingId(listing)].clear()
        listings.add_booking(listing, photographer_id=FORMER)
        listings.add_booking(listing, photographer_id=PHOTOGRAPHER)
        listings.add_booking(listing, photographer_id=REJECTED, status=BookingStatus.REJECTED)
    listings.add_listing(NEIGHBOUR, owner_id=NEIGHBOUR_OWNER)
    listings.add_booking(NEIGHBOUR, photographer_id=NEIGHBOUR_PHOTOGRAPHER)
    listings.grant(FORMER_OPERATOR, "media:read")
    listings.grant(DELETED_OPERATOR, "media:manage")
    listings.delete_user(DELETED)
    listings.delete_user(DELETED_OPERATOR)
    return ports


@dataclass
class Scene:
    """A service with one batch of *family* on *listing* in the state that the endpoint needs."""

    env: ServiceEnvironment
    endpoint: str
    family: str
    listing: int

    def __post_init__(self) -> None:
        kind = 32 if self.listing == DEVELOPMENT else 1
        # A READY batch has advanced it.
        self.env.listings.add_listing(self.listing, owner_id=OWNER, property_type=kind)
        self.reference = f"r{next(_numbers)}"
        self.files = [photo() if self.family == "shoot" else document()]
        self.user = PHOTOGRAPHER if self.family == "shoot" else OWNER
        self.created: Json = {}
        if self.endpoint != "/uploads":
            self.created = self.env.create(
                *self.files, user=self.user, listingId=self.listing, batchReference=self.reference
            )
            self.env.upload(self.created)
        if self.endpoint not in ("/uploads", "/uploads/complete"):
            accepted = self.env.complete(self.created, user=self.user, listing=self.listing)
            self._succeed(accepted["jobId"])

    def _succeed(self, job_id: int) -> None:
        document = success(self.created, job_id)
        document["zip"]["key"] = f"{self.listing}/zip/{self.created['batchId']}/{job_id}/full.zip"
        self.env.callback(document)

    def body(self, listing: int | None = None) -> Json:
        named = {"listingId": listing or self.listing}
        if self.endpoint == "/uploads":
            return uploads(*self.files, batchReference=self.reference) | named
        if self.endpoint == "/uploads/complete":
            return self.env.completion(self.created) | named
        return named | {"batchId": self.created["batchId"], "reason": "because"}

    def ask(self, role: str, listing: int | None = None) -> int:
        return self.env.post(self.endpoint, self.body(listing), ROLES[role]).status_code

    def stored(self) -> Any:
        batches = self.env.media.list_batches_by_listing(ListingId(self.listing))
        jobs = [self.env.media.list_jobs_by_batch(batch.id) for batch in batches]
        return batches, jobs, self.env.media.list_outbox()


@pytest.fixture(scope="module")
def env() -> Iterator[ServiceEnvironment]:
    """One application for all scenes; each has a batch of its own."""
    client, ports = open_env(populated())
    with client:
        yield env_of(client, ports)


@pytest.fixture
def scene(env: ServiceEnvironment) -> Callable[[str, str, int], Scene]:
    """Return a function that makes scenes."""
    return partial(Scene, env)


_numbers = itertools.count(1)
CELLS = list(product(ENDPOINTS, PLACES))


@pytest.mark.parametrize(("endpoint", "place"), CELLS, ids=[f"{e[1:]} {f} {n}" for e, (f, n) in CELLS])
def test_every_role_gets_what_the_contract_says(
    scene: Callable[[str, str, int], Scene], endpoint: str, place: tuple[str, int]
) -> None:
    """
    Who may not is refused and changes nothing; who may succeeds.
    """
    wanted = {role: expected(endpoint, place[0], role) for role in ROLES}
    refused = [role for role, status in wanted.items() if status >= 400]
    one = scene(endpoint, *place)
    before = one.stored()

    answers = {role: one.ask(role) for role in refused}
    assert one.stored() == before
    answers |= {role: scene(endpoint, *place).ask(role) for role in ROLES if role not in refused}

    assert answers == wanted


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one != "/uploads"])
@pytest.mark.parametrize("family_listing", PLACES)
def test_a_batch_is_not_reached_through_another_listing(
    scene: Callable[[str, str, int], Scene], endpoint: str, family_listing: tuple[str, int]
) -> None:
    """
    Who controls another listing names it with a foreign batch: not found, as for the operator.
    """
    one = scene(endpoint, *family_listing)
    before = one.stored()

    answers = {
        role: one.ask(role, NEIGHBOUR)
        for role in ("owner of another listing", "photographer of another listing", "operator")
    }

    assert set(answers.values()) <= {403, 404}
    assert answers["operator"] == 404
    assert one.stored() == before


@pytest.mark.parametrize("role", ROLES)
def test_project_files_of_an_apartment_are_for_nobody(
    scene: Callable[[str, str, int], Scene], role: str
) -> None:
    """
    Not even an operator may add them.
    """
    one = scene("/uploads", "project", LISTING)
    before = one.stored()

    assert one.ask(role) == (401 if role.startswith("deleted") else 403)
    assert one.stored() == before


def test_a_user_is_a_photographer_only_by_the_newest_booking_that_counts(
    scene: Callable[[str, str, int], Scene],
) -> None:
    """
    A newer booking that is rejected takes nothing away, and an older one gives nothing.
    """
    found = scene("/uploads", "shoot", LISTING).env.listings.get_listing(ListingId(LISTING))

    assert found.photographer_id == UserId(PHOTOGRAPHER)
