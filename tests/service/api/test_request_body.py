"""
Invalid request bodies: the response is always an error body, never a 5xx.
"""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.service.api.request_body import BODY_LIMIT

BASE = "/api/v2/listings/media"
ENDPOINTS = [
    "/uploads",
    "/uploads/complete",
    "/uploads/status",
    "/downloads/query",
    "/uploads/retry",
    "/uploads/delete",
]


def _post(env, make, endpoint, content, content_type="application/json"):
    headers = {"Authorization": f"Bearer {make.token(1)}"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    return env.client.post(BASE + endpoint, content=content, headers=headers)


def _is_400(response):
    error = response.json()
    assert response.status_code == 400, response.text
    assert error["details"]["reason"] == "MANIFEST_INVALID"
    assert error["details"]["errors"]
    return True


class TestInvalid:
    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"null",
            b"[]",
            b'"text"',
            b"42",
            b"\xff\xfe",
            b'{"listingId": NaN}',
            b'{"listingId": Infinity}',
            b'{"listingId": -Infinity}',
            b'{"listingId": 1e400}',
            b'{"listingId": ' + b"9" * 5000 + b"}",
            b'{"listingId": 9223372036854775808}',
            b'{"listingId": 42.5}',
            b"[" * 100_000 + b"]" * 100_000,
            b'{"listingId":' * 5000 + b"1" + b"}" * 5000,
            b'{"listingId": 42, "batchId": "\\ud800"}',
            b'{"listingId": 42, "batchId": "\xed\xa0\x80"}',
            b'{"listingId": 42, "batchId": "a\\u0000b"}',
            b"\xef\xbb\xbf{}",
            b"listingId=42",
        ],
        ids=lambda content: repr(content[:32]),
    )
    def test_other_bodies_are_400(self, env, make, endpoint, content):
        """
        Not JSON, not an object, not finite, too deep, too big, not Unicode: the same error.
        """
        assert _is_400(_post(env, make, endpoint, content))

    @pytest.mark.parametrize(
        "content_type", [None, "", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"]
    )
    def test_another_content_type_is_400(self, env, make, content_type):
        """
        The content type must be JSON; the error says so.
        """
        response = _post(env, make, "/uploads", json.dumps(make.uploads()), content_type)

        assert _is_400(response)
        assert "application/json" in response.json()["details"]["errors"][0]["message"]

    def test_a_charset_is_accepted(self, env, make):
        """
        Many clients send a charset.
        """
        content = json.dumps(make.uploads())

        assert _post(env, make, "/uploads", content, "application/json; charset=utf-8").status_code == 201

    @pytest.mark.parametrize("field", ["clientId", "filename", "contentType", "title", "checksum"])
    @pytest.mark.parametrize("character", ["\x00", "\ufffe", "\uffff"], ids=ascii)
    def test_forbidden_characters_are_400(self, env, make, field, character):
        """
        No text may contain NUL, or a character that the queue refuses.
        """
        body = make.uploads(make.photo(**{field: f"a{character}b"}))

        assert _is_400(_post(env, make, "/uploads", json.dumps(body)))

    def test_errors_name_the_field(self, env, make):
        """
        A client can display each error at its field.
        """
        files = [make.photo("a", 1), make.photo("b", 2, bytes="many", checksum="?")]

        response = _post(env, make, "/uploads", json.dumps(make.uploads(*files, batchReference=7)))

        fields = [each["field"] for each in response.json()["details"]["errors"]]
        assert fields == ["batchReference", "files[1].bytes", "files[1].checksum"]

    def test_the_number_of_field_errors_is_limited(self, env, make):
        """
        A body with many errors gets a short response.
        """
        body = make.uploads() | {"files": [{}] * 60}

        response = _post(env, make, "/uploads", json.dumps(body))

        assert len(response.json()["details"]["errors"]) == 100

    @pytest.mark.parametrize(
        "metadata",
        [{str(n): "" for n in range(17)}, {"n" * 65: ""}, {"camera": "x" * 256}],
        ids=["17 entries", "name of 65 characters", "text of 256 characters"],
    )
    def test_metadata_is_limited(self, env, make, metadata):
        """
        Metadata is stored with the batch: a client cannot store any amount of it.
        """
        body = make.uploads(make.photo(metadata=metadata))

        assert _is_400(_post(env, make, "/uploads", json.dumps(body)))

    def test_metadata_at_the_limits_is_accepted(self, env, make):
        """
        16 entries with names of 64 and texts of 255 characters.
        """
        metadata = {f"{n:64}": "x" * 255 for n in range(16)}

        assert env.post("/uploads", make.uploads(make.photo(metadata=metadata))).status_code == 201

    def test_too_much_metadata_is_one_error(self, env, make):
        """
        Thousands of wrong values are not checked one by one.
        """
        body = make.uploads(make.photo(metadata={str(n): n for n in range(1000)}))

        response = _post(env, make, "/uploads", json.dumps(body))

        assert response.json()["details"]["errors"] == [
            {"field": "files[0].metadata", "message": "must have at most 16 entries, not 1000"}
        ]


class TestTooLarge:
    def test_a_body_over_the_limit_is_413(self, env, make):
        """
        With its length in the header it is not read.
        """
        response = _post(env, make, "/uploads", b" " * (BODY_LIMIT + 1))

        assert response.status_code == 413
        assert response.json()["code"] == 413
        assert response.json()["details"] is None

    def test_a_stream_over_the_limit_is_413(self, env, make):
        """
        Without a length, reading stops at the limit.
        """
        response = _post(env, make, "/uploads", iter([b" " * BODY_LIMIT, b" "]))

        assert response.status_code == 413

    def test_a_body_at_the_limit_is_read(self, env, make):
        """
        The limit is inclusive.
        """
        content = json.dumps(make.uploads()).encode()
        padded = content + b" " * (BODY_LIMIT - len(content))

        assert _post(env, make, "/uploads", padded).status_code == 201

    def test_an_unsigned_callback_over_the_limit_is_413(self, env):
        """
        The signature of a larger body is not computed.
        """
        response = env.client.post("/internal/media-processing/callback", content=b" " * (BODY_LIMIT + 1))

        assert response.status_code == 413


class TestUnknown:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 404),
            ("POST", "/api/v2/listings/media", 404),
            ("POST", "/api/v2/listings/media/uploads/", 404),
            ("POST", "/api/v2/listings/media/uploads/nonsense", 404),
            ("GET", "/api/v2/listings/media/uploads", 405),
            ("PUT", "/api/v2/listings/media/uploads/retry", 405),
            ("BREW", "/api/v2/listings/media/uploads", 405),
            ("GET", "/internal/media-processing/callback", 405),
            ("DELETE", "/healthz", 405),
            ("GET", "/docs/assets/nothing", 404),
        ],
    )
    def test_unknown_paths_and_methods_answer_in_the_error_body(self, env, method, path, status):
        """
        The errors of the framework have the same body.
        """
        response = env.client.request(method, path)

        assert response.status_code == status
        assert response.json()["code"] == status
        assert response.json()["details"] is None


class TestUnexpected:
    def test_an_unexpected_error_is_500_without_details(self, env, make, monkeypatch):
        """
        The response does not contain the error.
        """
        env.listings.get_privileges = lambda user_id: 1 / 0

        response = _post(env, make, "/uploads", json.dumps(make.uploads()))

        assert response.status_code == 500
        assert response.json() == {
            "code": 500,
            "message": "Internal error of the service.",
            "details": None,
        }
        assert "traceparent" in response.headers


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "listingId",
        "batchId",
        "batchReference",
        "reason",
        "files",
        "jobId",
        "status",
        "outputs",
        "zip",
        "error",
        "startedAt",
        "traceparent",
    ]
)
FILE_NAMES = st.sampled_from(
    [
        "clientId",
        "mediaType",
        "orientation",
        "filename",
        "contentType",
        "bytes",
        "checksum",
        "title",
        "sequence",
        "metadata",
        "s3Key",
        "etag",
    ]
)


class TestFuzz:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        endpoint=st.sampled_from(ENDPOINTS),
        of_file=st.dictionaries(FILE_NAMES, ANYTHING, max_size=3),
        of_body=st.dictionaries(NAMES, ANYTHING, max_size=2),
    )
    def test_no_field_causes_a_5xx(self, env, make, endpoint, of_file, of_body):
        """
        A valid request with any value in some fields is never answered with a 5xx.
        """
        good = make.uploads(make.photo() | {"s3Key": "k", "etag": "e"} | of_file)
        good |= {"batchId": "00000000-0000-4000-8000-000000000000", "reason": "because"}

        response = env.post(endpoint, good | of_body)

        assert response.status_code < 500, response.text

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(changes=st.dictionaries(NAMES, ANYTHING, min_size=1, max_size=4))
    def test_no_signed_document_causes_a_5xx(self, env, changes):
        """
        A signed callback with any value in some fields is never answered with a 5xx.
        """
        good = {"jobId": 1, "status": "SUCCEEDED", "outputs": [{"rawKey": "k"}], "zip": {"key": "z"}}

        assert env.callback(good | changes).status_code < 500

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.binary(max_size=64))
    def test_no_bytes_cause_a_5xx(self, env, make, content):
        """
        Random bytes are never answered with a 5xx.
        """
        assert _post(env, make, "/uploads/status", content).status_code < 500
