"""
Test data of a run, and the tokens of its users.
"""

import csv

import pytest

from harness.service.adapters.mysql.listing_repository import MySQLListingRepository
from harness.service.adapters.mysql.pool import DatabaseAddress, Pool
from harness.service.api.bearer_token import Tokens
from harness.service.core.model.access_policy import MANAGE, AccessPolicy, Caller
from harness.service.core.model.identifiers import ListingId, UserId
from harness.service.core.model.listing import ListingStatus
from harness.service.core.model.media_type import Family
from harness.stack.database.seed import OPERATOR, STRANGER, SeededListing, seed, write_identities

KEY = "k" * 32


class TestIdentities:
    def test_every_listing_has_every_role_with_a_token_the_service_accepts(self, tmp_path):
        """
        The file has a row for each listing and role; the token names the user.
        """
        path = tmp_path / "identities.csv"
        write_identities(path, [SeededListing(7, development=True, owner=1007, photographer=2049)], KEY)

        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        users = {
            row["role"]: Tokens(KEY, "toq", "toq-media").user_of(f"Bearer {row['token']}") for row in rows
        }
        assert {(row["listing_id"], row["development"]) for row in rows} == {("7", "1")}
        assert users == {"photographer": 2049, "owner": 1007, "operator": OPERATOR, "stranger": STRANGER}


@pytest.mark.stack
class TestSeed:
    def test_the_users_may_do_what_their_roles_allow(self, database_url):
        """
        The service finds listings in upload status, their photographer, owner and operator.
        """
        ordinary, development = seed(database_url, listings=1, developments=1)
        pool = Pool(DatabaseAddress.parse(database_url), size=1)
        listings, policy = MySQLListingRepository(pool), AccessPolicy()
        first, second = (listings.get_listing(ListingId(one.id)) for one in (ordinary, development))
        privileges = listings.get_privileges(UserId(OPERATOR))
        pool.close()

        assert first.status is ListingStatus.PENDING_PHOTO_PROCESSING
        assert (first.owner_id, first.photographer_id) == (ordinary.owner, ordinary.photographer)
        assert [policy.is_development(one) for one in (first, second)] == [False, True]
        assert privileges == {MANAGE}
        policy.must_control(Caller(UserId(development.owner)), second, Family.PROJECT)

    def test_a_second_call_adds_listings(self, database_url):
        """
        New listings follow the last one that exists.
        """
        before = seed(database_url, listings=3)
        after = seed(database_url, listings=2, developments=1)

        assert [one.id for one in after] == [before[-1].id + n for n in (1, 2, 3)]
        assert [one.development for one in after] == [False, False, True]
