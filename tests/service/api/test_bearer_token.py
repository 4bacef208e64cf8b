"""
The rules of bearer tokens, and the response to a request without a valid one.
"""

import time

import jwt
import pytest

from harness.service.api.bearer_token import Tokens, Unauthenticated

KEY = "a key of more than thirty-two bytes for tests"
UPLOADS = "/api/v2/listings/media/uploads"


class TestTokens:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_a_good_token_names_its_user(self, make, scheme):
        """
        The subject is the user id.
        """
        tokens = Tokens(KEY, "toq", "toq-media")

        assert tokens.user_of(f"{scheme} {make.token(7)}") == 7

    @pytest.mark.parametrize(
        "claims",
        [
            {"exp": 1},
            {"exp": None},
            {"iss": "somebody else"},
            {"iss": None},
            {"aud": "another service"},
            {"aud": None},
            {"sub": None},
            {"sub": "root"},
            {"sub": "-1"},
            {"sub": "0"},
            {"sub": "٣"},
            {"sub": "9" * 19},
            {"sub": 7},
            {"nbf": 4_102_444_800},
        ],
    )
    def test_a_token_with_a_bad_claim_is_refused(self, make, claims):
        """
        Expiry, issuer, audience and subject are required and must be valid.
        """
        with pytest.raises(Unauthenticated):
            Tokens(KEY, "toq", "toq-media").user_of(f"Bearer {make.token(7, **claims)}")

    def test_a_token_signed_with_another_key_is_refused(self, make):
        """
        Only the user service has the key.
        """
        with pytest.raises(Unauthenticated):
            Tokens(KEY, "toq", "toq-media").user_of(f"Bearer {make.token(7, key='k' * 40)}")

    @pytest.mark.parametrize(("algorithm", "key"), [("none", None), ("HS512", KEY)])
    def test_only_one_algorithm_is_accepted(self, algorithm, key):
        """
        The token does not choose the algorithm.
        """
        claims = {"sub": "7", "iss": "toq", "aud": "toq-media", "exp": int(time.time()) + 60}
        token = jwt.encode(claims, key, algorithm)

        with pytest.raises(Unauthenticated):
            Tokens(KEY, "toq", "toq-media").user_of(f"Bearer {token}")


class TestRequests:
    @pytest.mark.parametrize(
        "authorization", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer x.y.z", "é"]
    )
    def test_without_a_token_it_is_401(self, env, make, authorization):
        """
        The response has the required scheme, and nothing about the body or the listing.
        """
        headers = {} if authorization is None else {"Authorization": authorization.encode()}

        response = env.client.post(UPLOADS, json=make.uploads(listingId=999), headers=headers)

        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["code"] == 401
        assert response.json()["details"] is None

    @pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"x" * 2_000_000])
    def test_401_comes_before_anything_about_the_body(self, env, body):
        """
        Also if the body is not valid.
        """
        headers = {"Content-Type": "application/json", "Authorization": "Bearer no"}

        assert env.client.post(UPLOADS, content=body, headers=headers).status_code == 401

    def test_privileges_come_from_the_database(self, env, make):
        """
        A claim in the token grants nothing; the removal of a privilege has effect at once.
        """
        claimed = make.token(4, privileges=["media:manage"], role="operator")

        response = env.client.post(
            UPLOADS, json=make.uploads(), headers={"Authorization": f"Bearer {claimed}"}
        )

        assert response.status_code == 403

    def test_an_unknown_user_has_no_permission(self, env, make):
        """
        A valid token of a user who is not in the database is forbidden.
        """
        assert env.post("/uploads", make.uploads(), 123_456).status_code == 403

    @pytest.mark.parametrize("user", [1, 2, 3])
    def test_the_token_of_a_deleted_user_is_401(self, env, make, user):
        """
        Photographer, owner and operator may neither create nor read, although the token is valid.
        """
        env.listings.delete_user(user)

        created = env.post("/uploads", make.uploads(), user)
        read = env.post("/downloads/query", {"listingId": 42}, user)

        assert [created.status_code, read.status_code] == [401, 401]
        assert created.headers["www-authenticate"] == "Bearer"
        assert created.json()["details"] is None
